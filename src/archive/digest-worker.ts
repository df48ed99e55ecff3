/** The thread that hashes: 0.25 GB/s of work that must not stand in the way of answers. */
import { parentPort } from 'node:worker_threads'
import { fileDigests } from './file-digests.ts'

parentPort?.on('message', ({ id, path }: { id: number; path: string }) => {
  fileDigests(path).then(
    digests => parentPort?.postMessage({ id, digests }),
    error => parentPort?.postMessage({ id, error: String(error.message ?? error) }),
  )
})
