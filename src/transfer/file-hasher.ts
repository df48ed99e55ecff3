/** Hashes files while they grow, in a thread of its own: the bytes before a mark that moves on. */
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { StorageFailed } from '../domain/errors.ts'
import { type HashAlgorithm, hashFile } from './hash-file.ts'
import type { HashAnswer, HashOrder } from './hash-worker.ts'

/** A file that is being hashed. */
export interface GrowingHash {
  /** Bytes before `end` are right and stay as they are. */
  advance(end: number): void
  /** The digest in hex of the file, which is complete. Throws StorageFailed. */
  digest(): Promise<string>
  /** Nobody wants it any more. */
  drop(): void
}

/** A file to hash. */
export interface HashSubject {
  readonly path: string
  /** Bytes. */
  readonly size: number
  readonly algorithm: HashAlgorithm
  /** Called with the bytes that were hashed since the last call. */
  readonly onHashed?: (bytes: number) => void
}

interface Running {
  readonly subject: HashSubject
  readonly settle: (answer: HashAnswer) => void
}

// A thread for less costs more than it spares.
const SMALL = 8 * 1024 * 1024
const IDLE_MS = 1000

/** See the head of this file. The thread starts with the first large file, ends when there is none, and never keeps the process alive. */
export class FileHasher {
  #worker: Worker | undefined
  #idle: NodeJS.Timeout | undefined
  #next = 0
  readonly #running = new Map<number, Running>()
  readonly #idleMs: number

  /** @param idleMs - milliseconds without a file after which the thread ends; the next file starts another one */
  constructor(idleMs = IDLE_MS) {
    this.#idleMs = idleMs
  }

  /** Whether there is a thread now. */
  get isRunning(): boolean {
    return this.#worker !== undefined
  }

  /** Begins with a file; it need not be there before the first mark. */
  begin(subject: HashSubject): GrowingHash {
    return subject.size < SMALL ? smallHash(subject) : this.#large(subject)
  }

  #large(subject: HashSubject): GrowingHash {
    const worker = this.#started()
    const id = this.#next++
    const { path, size, algorithm } = subject
    const answered = new Promise<string>((done, failed) => {
      const settle = (answer: HashAnswer) => {
        if (answer.digest !== undefined) done(answer.digest)
        else failed(new StorageFailed(path, new Error(answer.error)))
      }
      this.#running.set(id, { subject, settle })
    })
    // Asked for at the end only: until then nobody listens.
    answered.catch(() => {})
    const tell = (order: HashOrder) => worker.postMessage(order)
    tell({ id, path, size, algorithm })
    return {
      advance: end => tell({ id, end }),
      digest: () => {
        tell({ id, end: size })
        return answered
      },
      drop: () => {
        tell({ id, end: -1 })
        this.#ended(id)
      },
    }
  }

  #started(): Worker {
    clearTimeout(this.#idle)
    if (this.#worker !== undefined) {
      // Whoever waits for a digest waits for it, also when nothing else goes on.
      this.#worker.ref()
      return this.#worker
    }
    // The same extension as this file: TypeScript in tests, JavaScript when built.
    const file = new URL(`./hash-worker${extname(fileURLToPath(import.meta.url))}`, import.meta.url)
    const worker = new Worker(file)
    worker.on('message', (answer: HashAnswer) => this.#take(answer))
    worker.on('error', error => this.#failAll(error))
    this.#worker = worker
    return worker
  }

  #take(answer: HashAnswer): void {
    const running = this.#running.get(answer.id)
    if (running === undefined) return
    if (answer.hashed !== undefined) {
      running.subject.onHashed?.(answer.hashed)
      return
    }
    running.settle(answer)
    this.#ended(answer.id)
  }

  #ended(id: number): void {
    this.#running.delete(id)
    if (this.#running.size > 0) return
    clearTimeout(this.#idle)
    this.#idle = setTimeout(() => this.#rest(), this.#idleMs)
    this.#idle.unref()
    this.#worker?.unref()
  }

  #rest(): void {
    this.#worker?.postMessage('stop' satisfies HashOrder)
    this.#worker = undefined
  }

  #failAll(error: Error): void {
    this.#worker = undefined
    for (const [id, { settle }] of this.#running) settle({ id, error: error.message })
    this.#running.clear()
  }
}

/** A small file is read at its end, here. */
function smallHash({ path, algorithm, onHashed }: HashSubject): GrowingHash {
  return { advance: () => {}, digest: () => hashFile(path, algorithm, onHashed), drop: () => {} }
}

/** The hasher of this process. */
export const HASHER = new FileHasher()
