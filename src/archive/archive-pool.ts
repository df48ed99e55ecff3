/** The threads of the archiver: as many as there are jobs, each with one order at a time. */
import { once } from 'node:events'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import type { ArchiveOrder, CompressAnswer, ViewOrder } from './archive-worker.ts'
import type { ViewDigests } from './member-index.ts'

interface Waiting {
  readonly order: Exclude<ArchiveOrder, 'stop'>
  readonly done: (answer: never) => void
  readonly failed: (error: Error) => void
}

/** Threads that compress and hash; they start when there is work and must be stopped at the end. */
export class ArchivePool {
  /** Threads at most. */
  readonly jobs: number
  readonly #queue: Waiting[] = []
  readonly #idle: Worker[] = []
  readonly #busy = new Map<Worker, Waiting>()

  constructor(jobs: number) {
    this.jobs = jobs
  }

  /** Compresses the first `length` bytes of a piece of memory, which belongs to the pool until the answer brings it back. */
  compress(memory: ArrayBuffer, length: number): Promise<CompressAnswer> {
    return this.#ask({ kind: 'compress', memory, length })
  }

  /** Digests of a view of an archive on disk. */
  viewDigests(order: Omit<ViewOrder, 'kind'>): Promise<ViewDigests> {
    return this.#ask({ kind: 'view', ...order })
  }

  /** Ends all threads; orders that wait or are under way fail. */
  async stop(): Promise<void> {
    for (const { failed } of this.#queue.splice(0)) failed(new Error('the archiver was stopped'))
    const idle = this.#idle.splice(0).map(worker => {
      worker.postMessage('stop' satisfies ArchiveOrder)
      return once(worker, 'exit')
    })
    await Promise.all([...idle, ...[...this.#busy.keys()].map(worker => worker.terminate())])
  }

  #ask<T>(order: Exclude<ArchiveOrder, 'stop'>): Promise<T> {
    return new Promise((done, failed) => {
      this.#queue.push({ order, done, failed })
      this.#next()
    })
  }

  #next(): void {
    if (this.#queue.length === 0) return
    const worker = this.#idle.pop() ?? this.#started()
    if (worker === undefined) return
    const waiting = this.#queue.shift() as Waiting
    this.#busy.set(worker, waiting)
    const { order } = waiting
    worker.postMessage(order, 'memory' in order ? [order.memory] : [])
  }

  #started(): Worker | undefined {
    if (this.#busy.size >= this.jobs) return undefined
    // The same extension as this file: TypeScript in tests, JavaScript when built.
    const extension = extname(fileURLToPath(import.meta.url))
    const worker = new Worker(new URL(`./archive-worker${extension}`, import.meta.url))
    worker.on('message', message => this.#settle(worker, message))
    worker.on('error', error => this.#lost(worker, error))
    worker.on('exit', () => this.#lost(worker, new Error('a thread of the archiver has ended')))
    return worker
  }

  #settle(worker: Worker, message: { answer: never; error?: string }): void {
    const waiting = this.#busy.get(worker) as Waiting
    this.#busy.delete(worker)
    this.#idle.push(worker)
    if (message.error === undefined) waiting.done(message.answer)
    else waiting.failed(new Error(message.error))
    this.#next()
  }

  /** A thread that has ended takes its order with it. */
  #lost(worker: Worker, error: Error): void {
    this.#busy.get(worker)?.failed(error)
    this.#busy.delete(worker)
    this.#next()
  }
}
