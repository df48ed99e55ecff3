/** The thread that hashes files which grow. */
import { createHash, type Hash } from 'node:crypto'
import { closeSync, openSync, readSync } from 'node:fs'
import { parentPort } from 'node:worker_threads'
import type { HashAlgorithm } from './hash-file.ts'

/** What the thread is told: a file to begin with, or how far one may be read (-1: not any more); `stop` ends the thread. */
export type HashOrder =
  | {
      readonly id: number
      readonly path: string
      readonly size: number
      readonly algorithm: HashAlgorithm
    }
  | { readonly id: number; readonly end: number }
  | 'stop'

/** What the thread tells: bytes that were hashed, or the end. */
export interface HashAnswer {
  readonly id: number
  readonly hashed?: number
  readonly digest?: string
  readonly error?: string
}

interface Job {
  readonly path: string
  readonly size: number
  readonly hash: Hash
  file: number | undefined
  at: number
}

const jobs = new Map<number, Job>()
const buffer = Buffer.allocUnsafeSlow(1024 * 1024)

parentPort?.on('message', (order: HashOrder) => {
  if (order === 'stop') {
    parentPort?.close()
    return
  }
  if ('path' in order) {
    const { id, path, size, algorithm } = order
    jobs.set(id, { path, size, hash: createHash(algorithm), file: undefined, at: 0 })
    return
  }
  const job = jobs.get(order.id)
  if (job === undefined) return
  try {
    read(order.id, job, order.end)
  } catch (error) {
    end(order.id, job)
    parentPort?.postMessage({ id: order.id, error: (error as Error).message })
  }
})

function read(id: number, job: Job, to: number): void {
  if (to === -1) {
    end(id, job)
    return
  }
  const from = job.at
  while (job.at < to) {
    job.file ??= openSync(job.path, 'r')
    const length = readSync(job.file, buffer, 0, Math.min(buffer.length, to - job.at), job.at)
    if (length === 0) throw new Error(`the file ends at byte ${job.at}`)
    job.hash.update(buffer.subarray(0, length))
    job.at += length
  }
  if (job.at > from) parentPort?.postMessage({ id, hashed: job.at - from })
  if (job.at < job.size) return
  end(id, job)
  parentPort?.postMessage({ id, digest: job.hash.digest('hex') })
}

function end(id: number, { file }: Job): void {
  jobs.delete(id)
  if (file !== undefined) closeSync(file)
}
