/** The thread that hashes: 0.25 GB/s of work that must not stand in the way of answers. */
import { parentPort } from 'node:worker_threads'
import { fileDigests } from './file-digests.ts'

/** What the thread is asked to hash; `stop` ends it when it is idle. */
export type DigestOrder = { readonly id: number; readonly path: string } | 'stop'

parentPort?.on('message', (order: DigestOrder) => {
  if (order === 'stop') {
    parentPort?.close()
    return
  }
  const { id, path } = order
  fileDigests(path).then(
    digests => parentPort?.postMessage({ id, digests }),
    error => parentPort?.postMessage({ id, error: String(error.message) }),
  )
})
