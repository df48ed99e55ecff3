/** The threads of the archiver: as many as there are jobs, each with one order at a time. */
import { once } from 'node:events'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import type { ArchiveOrder, ViewOrder } from './archive-worker.ts'
import type { Lane, LaneKind, LaneResults } from './digest-lane.ts'
import type { ViewDigests } from './member-index.ts'
import { type Segment, SegmentMemory } from './segment-memory.ts'

interface Waiting {
  readonly order: Exclude<ArchiveOrder, 'stop'>
  readonly done: (answer: never) => void
  readonly failed: (error: Error) => void
}

/** A place for a thread, which starts when it has work. */
interface Place {
  worker?: Worker | undefined
  /** What it does at the moment. */
  current?: Waiting | undefined
  /** What only this thread can do: the next bytes of its lanes. */
  readonly own: Waiting[]
  /** Lanes that are open. */
  lanes: number
}

/** Threads that compress and hash; they start when there is work and must be stopped at the end. */
export class ArchivePool {
  /** Segments that are under way, of all archives together: while one is compressed, others are read, hashed and written. */
  readonly memory: SegmentMemory
  readonly #places: Place[]
  /** What any thread can do. */
  readonly #shared: Waiting[] = []
  #lanes = 0
  #stopped = false

  /** @param jobs - threads at most */
  constructor(jobs: number) {
    this.#places = Array.from({ length: jobs }, () => ({ own: [], lanes: 0 }))
    this.memory = new SegmentMemory(jobs * 2 + 2)
  }

  /** Threads at most. */
  get jobs(): number {
    return this.#places.length
  }

  /** Compresses the first `length` plain bytes of a segment; answers the lengths of the blocks, which lie in it one after the other. */
  compress({ plain, packed }: Segment, length: number): Promise<number[]> {
    return this.#ask({ kind: 'compress', plain: plain.subarray(0, length), packed }, this.#shared)
  }

  /** Digests of a view of an archive on disk. */
  viewDigests(order: Omit<ViewOrder, 'kind'>): Promise<ViewDigests> {
    return this.#ask({ kind: 'view', ...order }, this.#shared)
  }

  /** Begins a lane on the thread that has the fewest. */
  lane<K extends LaneKind>(kind: K): Lane<K> {
    const place = this.#places.reduce((least, one) => (one.lanes < least.lanes ? one : least))
    this.#lanes += 1
    const lane = this.#lanes
    place.lanes += 1
    let isOpen = true
    const close = () => {
      if (isOpen) place.lanes -= 1
      isOpen = false
    }
    // A thread that has ended took the lane with it: the next order for it says so.
    this.#ask({ kind: 'open', lane, computes: kind }, place.own).catch(() => {})
    return {
      update: bytes => this.#ask({ kind: 'update', lane, bytes }, place.own),
      end: () => {
        close()
        return this.#ask<LaneResults[K]>({ kind: 'end', lane }, place.own)
      },
      drop: () => {
        if (isOpen) this.#ask({ kind: 'end', lane }, place.own).catch(() => {})
        close()
      },
    }
  }

  /** Ends all threads; orders that wait or are under way fail. */
  async stop(): Promise<void> {
    this.#stopped = true
    for (const queue of [this.#shared, ...this.#places.map(({ own }) => own)]) {
      for (const { failed } of queue.splice(0)) failed(stopped())
    }
    const ends = this.#places.map(({ worker, current }) => {
      if (worker === undefined) return undefined
      if (current !== undefined) return worker.terminate()
      worker.postMessage('stop' satisfies ArchiveOrder)
      return once(worker, 'exit')
    })
    await Promise.all(ends)
  }

  #ask<T>(order: Waiting['order'], queue: Waiting[]): Promise<T> {
    return new Promise((done, failed) => {
      if (this.#stopped) throw stopped()
      queue.push({ order, done, failed })
      this.#giveOut()
    })
  }

  /** Gives work to all threads that have none. What a lane waits for comes first: whole archives wait for it. */
  #giveOut(): void {
    for (const place of this.#places) {
      if (place.current !== undefined) continue
      place.current = place.own.shift() ?? this.#shared.shift()
      if (place.current === undefined) continue
      place.worker ??= this.#started(place)
      place.worker.postMessage(place.current.order)
    }
  }

  #started(place: Place): Worker {
    // The same extension as this file: TypeScript in tests, JavaScript when built.
    const extension = extname(fileURLToPath(import.meta.url))
    const worker = new Worker(new URL(`./archive-worker${extension}`, import.meta.url))
    worker.on('message', message => this.#settle(place, message))
    let failure = new Error('a thread of the archiver has ended')
    /* c8 ignore next 4 -- the thread answers what its work throws: only a lack of memory or a crash of V8 comes here */
    worker.on('error', error => {
      // Its end follows.
      failure = error
    })
    worker.on('exit', () => this.#lost(place, failure))
    return worker
  }

  #settle(place: Place, message: { answer: never; error?: string }): void {
    const { done, failed } = place.current as Waiting
    place.current = undefined
    this.#giveOut()
    if (message.error === undefined) done(message.answer)
    else failed(new Error(message.error))
  }

  /** A thread that has ended takes its order with it; another one starts in its place. */
  #lost(place: Place, error: Error): void {
    place.worker = undefined
    const { current } = place
    place.current = undefined
    current?.failed(error)
    this.#giveOut()
  }
}

function stopped(): Error {
  return new Error('the archiver was stopped')
}
