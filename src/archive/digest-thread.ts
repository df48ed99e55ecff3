/** Hashes files in a thread of its own, one at a time. */
import { once } from 'node:events'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { StorageFailed } from '../domain/errors.ts'
import type { DigestOrder } from './digest-worker.ts'
import type { FileDigests } from './file-digests.ts'

interface Waiting {
  readonly path: string
  readonly done: (digests: FileDigests) => void
  readonly failed: (error: Error) => void
}

// A thread has a heap of its own, and a server that has looked at its archives hashes nothing for days.
const IDLE_MS = 1000

/** Hashes files in a thread of its own; the thread starts with the first file, ends when there is none for a while, and never keeps the process alive. */
export class DigestThread {
  readonly #idleMs: number
  #worker: Worker | undefined
  #idle: NodeJS.Timeout | undefined
  #next = 0
  readonly #waiting = new Map<number, Waiting>()

  /** @param idleMs - milliseconds without a file after which the thread ends; the next file starts another one */
  constructor(idleMs = IDLE_MS) {
    this.#idleMs = idleMs
  }

  /** Whether there is a thread now. */
  get isRunning(): boolean {
    return this.#worker !== undefined
  }

  /**
   * Digests of a file.
   *
   * @throws StorageFailed when it cannot be read, or when the thread was stopped
   */
  digests(path: string): Promise<FileDigests> {
    const worker = this.#started()
    const id = this.#next++
    return new Promise((done, failed) => {
      this.#waiting.set(id, { path, done, failed })
      worker.postMessage({ id, path } satisfies DigestOrder)
    })
  }

  /** Stops the thread; files being hashed fail. */
  async stop(): Promise<void> {
    const worker = this.#worker
    clearTimeout(this.#idle)
    if (worker === undefined) return
    if (this.#waiting.size > 0) {
      await worker.terminate()
      return
    }
    // Whoever stops it waits for its end.
    worker.ref()
    worker.postMessage('stop' satisfies DigestOrder)
    await once(worker, 'exit')
  }

  #started(): Worker {
    clearTimeout(this.#idle)
    if (this.#worker !== undefined) return this.#worker
    // The same extension as this file: TypeScript in tests, JavaScript when built.
    const file = new URL(
      `./digest-worker${extname(fileURLToPath(import.meta.url))}`,
      import.meta.url,
    )
    const worker = new Worker(file)
    worker.unref()
    worker.on('message', message => this.#settle(message))
    worker.on('error', error => this.#failAll(worker, error))
    worker.on('exit', () => this.#failAll(worker, new Error('the digest thread has stopped')))
    this.#worker = worker
    return worker
  }

  #settle(message: { id: number; digests?: FileDigests; error?: string }): void {
    const waiting = this.#waiting.get(message.id)
    /* c8 ignore next -- only an answer that overtakes the end of its thread finds nobody waiting */
    if (waiting === undefined) return
    this.#waiting.delete(message.id)
    if (message.digests !== undefined) waiting.done(message.digests)
    else waiting.failed(new StorageFailed(waiting.path, message.error))
    if (this.#waiting.size > 0) return
    this.#idle = setTimeout(() => this.#rest(), this.#idleMs)
    this.#idle.unref()
  }

  /** Lets the thread end: what is asked from now on is for another one. */
  #rest(): void {
    this.#worker?.postMessage('stop' satisfies DigestOrder)
    this.#worker = undefined
  }

  #failAll(worker: Worker, cause: Error): void {
    if (this.#worker !== worker) return
    this.#worker = undefined
    for (const { path, failed } of this.#waiting.values()) failed(new StorageFailed(path, cause))
    this.#waiting.clear()
  }
}
