/**
 * Fetches parts of a file over several connections.
 *
 * A connection asks for a run of parts at once, as long as it takes to make the time until the first byte unimportant. A part that is complete is compared
 * with its digest and given away while the next one comes. After a failure a connection goes on at the very byte; a part that is not
 * what its digest says is fetched again alone, in the end from elsewhere.
 */
import { webcrypto } from 'node:crypto'
import { setMaxListeners } from 'node:events'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { DigestMismatch, RemoteFailed } from '../domain/transfer-errors.ts'
import { BUFFERS } from './part-buffers.ts'
import type { Part } from './part-plan.ts'
import { type Filling, partLength, runLength, takeOver, type Worker } from './part-runs.ts'
import { pauseBefore } from './pauses.ts'
import { RangesIgnored } from './place.ts'
import { type KnownPlace, Places } from './places.ts'
import type { RemoteFile } from './remote-file.ts'
import { DEFAULT_JOBS, type TransferOptions } from './transfer-options.ts'
import { watchedBody } from './watched-body.ts'

/** What is fetched, and who takes it. */
export interface PartOrder {
  readonly file: RemoteFile
  /** In the order in which they are asked for. */
  readonly parts: readonly Part[]
  readonly options: TransferOptions
  /** Takes a part that is right; throws DigestMismatch for one without a digest that is not: it is fetched again. The bytes are used again once the promise ends; the signal tells that nothing more will come. */
  readonly take: (part: Part, bytes: Buffer, signal: AbortSignal) => Promise<void>
  /** True when `take` waits until all parts before were taken: then no connection is more than a part ahead. */
  readonly inOrder?: boolean
}

/** What fetching has cost. */
export interface FetchCost {
  /** Bytes that came over the network. */
  readonly received: number
  /** Bytes of them that were of no use. */
  readonly retried: number
}

const LOOK_AGAIN_MS = 250
// So much that came makes up for a failure: attempts are counted anew.
const PROGRESS = 64 * 1024

/**
 * Fetches parts until all are taken.
 *
 * @throws RemoteFailed, DigestMismatch, what `take` throws, the reason of the signal; RangesIgnored in order over several connections
 */
export function fetchParts(order: PartOrder): Promise<FetchCost> {
  return new PartFetcher(order).run()
}

class PartFetcher {
  readonly #order: PartOrder
  readonly #places: Places
  readonly #abort = new AbortController()
  /** Parts that came damaged. */
  readonly #again: Part[] = []
  readonly #pending = new Set<Promise<void>>()
  readonly #failures: unknown[] = []
  readonly #workers: Worker[] = []
  /** What wakes connections that have nothing to do. */
  readonly #idlers: (() => void)[] = []
  #next = 0
  #received = 0
  #useful = 0
  /** Parts that wait for an answer with the whole file. */
  readonly #handed: Part[] = []

  constructor(order: PartOrder) {
    this.#order = order
    const { network, race = false } = order.options
    this.#places = new Places(order.file, network, race)
    // Every connection listens to it.
    setMaxListeners(0, this.#abort.signal)
  }

  async run(): Promise<FetchCost> {
    const { signal, jobs = DEFAULT_JOBS } = this.#order.options
    const stop = () => {
      this.#abort.abort(signal?.reason)
      this.#wake()
    }
    signal?.throwIfAborted()
    signal?.addEventListener('abort', stop, { once: true })
    const count = Math.min(jobs, this.#order.parts.length)
    const workers = Array.from({ length: count }, (_, number) => this.#work(number))
    await Promise.all(workers)
    await Promise.all(this.#pending)
    signal?.removeEventListener('abort', stop)
    signal?.throwIfAborted()
    if (this.#failures.length > 0) throw this.#failures[0]
    return { received: this.#received, retried: this.#received - this.#useful }
  }

  async #work(number: number): Promise<void> {
    const worker: Worker = {
      number,
      run: [],
      filling: undefined,
      rate: 0,
      wait: 0,
      reading: undefined,
    }
    this.#workers.push(worker)
    try {
      while (!this.#abort.signal.aborted) {
        // A connection whose answer has just ended is free a moment later; asked at once, another one would be made.
        await nextTurn()
        this.#assign(worker)
        if (worker.run.length > 0) await this.#fetchRun(worker)
        else if (!(await this.#idle())) return
      }
    } catch (error) {
      this.#fail(error)
    } finally {
      this.#letGo(worker)
    }
  }

  /** Waits until there may be something to do; false when there will be nothing: a part may come damaged, a connection may be slow. */
  async #idle(): Promise<boolean> {
    const isShared = this.#order.inOrder !== true && this.#workers.some(({ run }) => run.length > 1)
    if (this.#pending.size === 0 && !isShared) return false
    await new Promise<void>(done => {
      const timer = setTimeout(done, LOOK_AGAIN_MS)
      this.#idlers.push(() => {
        clearTimeout(timer)
        done()
      })
    })
    return true
  }

  #wake(): void {
    for (const go of this.#idlers.splice(0)) go()
  }

  #fail(error: unknown): void {
    this.#failures.push(error)
    this.#abort.abort(error)
    this.#wake()
  }

  /** Gives a connection its next parts: they follow each other in the file, so that one request is enough. */
  #assign(worker: Worker): void {
    const damaged = this.#again.shift()
    if (damaged !== undefined) {
      worker.run.push(damaged)
      return
    }
    const { parts, inOrder = false } = this.#order
    if (this.#next === parts.length && !inOrder) takeOver(worker, this.#workers)
    const most = inOrder ? 1 : this.#runLength(worker)
    const first = parts[this.#next]
    for (let part = first; part !== undefined; part = parts[this.#next]) {
      const isNext = worker.run.at(-1)?.end === part.start
      // Rounded, not cut: else some parts are left at the end for a round of their own.
      const isTooMuch = (part.start + part.end) / 2 - (first as Part).start > most
      if (part !== first && (!isNext || isTooMuch)) return
      worker.run.push(part)
      this.#next += 1
    }
  }

  /** Bytes of the next request of a connection. */
  #runLength(worker: Worker): number {
    const { parts, options } = this.#order
    const { jobs = DEFAULT_JOBS, race = false } = options
    const left = (parts.length - this.#next) * partLength(parts[this.#next])
    return runLength(worker, this.#workers, { left, jobs, race })
  }

  /** Fetches the parts of a connection, however often it breaks off. */
  async #fetchRun(worker: Worker): Promise<void> {
    const { network } = this.#order.options
    const { run } = worker
    if (this.#order.inOrder === true) await this.#begin(worker)
    for (let attempt = 0; run.length > 0 && !this.#abort.signal.aborted; ) {
      const known = this.#places.choose(run[0] as Part, worker.number)
      const before = this.#received
      try {
        await this.#stream(known, worker)
        attempt = 0
      } catch (error) {
        worker.reading = undefined
        if (this.#abort.signal.aborted) return
        if (error instanceof RangesIgnored) {
          // In order, who has the whole file would wait for a part that another connection waits to be given.
          if (this.#order.inOrder === true && this.#workers.length > 1) throw error
          known.ranges = false
          continue
        }
        if (!(error instanceof RemoteFailed)) throw error
        attempt = this.#received - before >= PROGRESS ? 0 : attempt + 1
        this.#places.failed(known, error)
        if (attempt > network.retries) throw error
        this.#tellAgain(0, error.message)
        if (known.ended === undefined && !this.#places.hasOther(known)) {
          await pauseBefore(Math.max(0, attempt - 1), network.pauseMs, error, this.#abort.signal)
        }
      }
    }
  }

  /** Reads one answer into the parts of a connection. */
  async #stream(known: KnownPlace, worker: Worker): Promise<void> {
    if (known.ranges) {
      await this.#read(known, worker)
      return
    }
    // Whatever is left comes with one answer: whoever is first takes the parts of all who wait.
    this.#handed.push(...worker.run.splice(0))
    this.#letGo(worker)
    const turn = known.turn.then(async () => {
      const { parts } = this.#order
      const left = [...this.#handed.splice(0), ...parts.slice(this.#next)]
      this.#next = parts.length
      worker.run.push(...left.sort((a, b) => a.start - b.start))
      if (worker.run.length > 0) await this.#read(known, worker)
    })
    known.turn = turn.catch(() => {})
    await turn
  }

  #letGo(worker: Worker): void {
    if (worker.filling !== undefined) BUFFERS.give(worker.filling.buffer)
    worker.filling = undefined
  }

  async #read(known: KnownPlace, worker: Worker): Promise<void> {
    const { run } = worker
    const { place } = known
    const { signal } = this.#abort
    const asked = performance.now()
    const first = run[0] as Part
    const from = first.start + (worker.filling?.part === first ? worker.filling.filled : 0)
    const answer = known.ranges
      ? await place.range(from, lastOf(run).end, signal)
      : await place.whole(signal)
    worker.wait = (performance.now() - asked) / 1000
    let position = answer.start
    const { network } = this.#order.options
    const reading = { since: performance.now(), bytes: 0 }
    worker.reading = known.ranges ? reading : undefined
    for await (const chunk of watchedBody(answer.body, place.name, network.stall)) {
      this.#tellReceived(chunk.length)
      reading.bytes += chunk.length
      await this.#pour(chunk, position, worker, known)
      position += chunk.length
      // The last bytes are waited for, so that the connection can be used again.
      if (run.length === 0 && position < answer.end) break
      if (signal.aborted) return
    }
    worker.reading = undefined
    const seconds = (performance.now() - asked) / 1000 - worker.wait
    worker.rate = (position - answer.start) / Math.max(seconds, 0.001)
    if (run.length > 0 && position < answer.end) {
      throw new RemoteFailed('broken-off', `${place.name} broke off at byte ${position}`)
    }
  }

  /** Puts bytes of the file from `position` on into the parts that want them. */
  async #pour(chunk: Buffer, position: number, worker: Worker, known: KnownPlace): Promise<void> {
    const { run } = worker
    for (let at = 0; at < chunk.length; ) {
      const part = run[0]
      if (part === undefined) return
      const filling = await this.#begin(worker)
      const wanted = part.start + filling.filled
      // Whole answers bring what is there already.
      if (position + at < wanted) {
        at += Math.min(chunk.length - at, wanted - position - at)
        continue
      }
      const length = Math.min(chunk.length - at, part.end - wanted)
      chunk.copy(filling.buffer, filling.filled, at, at + length)
      at += length
      filling.filled += length
      if (filling.filled < part.end - part.start) continue
      run.shift()
      worker.filling = undefined
      const done = this.#complete(filling, known)
      if (this.#order.inOrder === true) await done
    }
  }

  /** The buffer of the part that comes next. */
  async #begin(worker: Worker): Promise<Filling> {
    const part = worker.run[0] as Part
    const { filling } = worker
    if (filling?.part === part) return filling
    this.#letGo(worker)
    const buffer = await BUFFERS.take(part.end - part.start)
    worker.filling = { part, buffer, filled: 0 }
    return worker.filling
  }

  /** Compares a part and gives it away, while the connection goes on. */
  #complete({ part, buffer }: Filling, known: KnownPlace): Promise<void> {
    const bytes = buffer.subarray(0, part.end - part.start)
    const done = this.#settle(part, bytes, known)
      .catch(error => this.#fail(error))
      .finally(() => {
        BUFFERS.give(buffer)
        this.#pending.delete(done)
        this.#wake()
      })
    this.#pending.add(done)
    return done
  }

  async #settle(part: Part, bytes: Buffer, known: KnownPlace): Promise<void> {
    if (part.sha256 !== undefined && (await sha256Of(bytes)) !== part.sha256) {
      this.#refuse(part, known)
      return
    }
    try {
      await this.#order.take(part, bytes, this.#abort.signal)
    } catch (error) {
      // Where a part has no digest of its own, only who takes it can tell.
      if (part.sha256 !== undefined || !(error instanceof DigestMismatch)) throw error
      this.#refuse(part, known)
      return
    }
    this.#places.succeeded(known)
    this.#useful += bytes.length
    const { subject } = this.#order.file
    this.#order.options.onEvent?.({ event: 'verified', subject, bytes: bytes.length })
  }

  /** Fetches a part again, which was damaged. */
  #refuse(part: Part, known: KnownPlace): void {
    this.#places.sentDamaged(known, part)
    const reason = `${known.place.name} has sent damaged bytes (${part.start} to ${part.end})`
    this.#tellAgain(part.end - part.start, reason)
    this.#again.push(part)
  }

  #tellReceived(bytes: number): void {
    this.#received += bytes
    const { file, options } = this.#order
    options.onEvent?.({ event: 'received', subject: file.subject, bytes })
  }

  #tellAgain(bytes: number, reason: string): void {
    const { file, options } = this.#order
    options.onEvent?.({ event: 'retried', subject: file.subject, bytes, reason })
  }
}

/** The SHA-256 of bytes in hex, computed by a thread of the pool. */
export async function sha256Of(bytes: Buffer): Promise<string> {
  return Buffer.from(await webcrypto.subtle.digest('SHA-256', bytes)).toString('hex')
}

function lastOf(run: readonly Part[]): Part {
  return run.at(-1) as Part
}
