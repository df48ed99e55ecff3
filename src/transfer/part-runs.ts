/**
 * Which parts of a file a connection asks for at once. Requests last long against the wait for their first byte, and all connections end together:
 * where one is slower than it was thought to be, others take over the end of what it has before it.
 */
import type { Part } from './part-plan.ts'

/** The part that a connection is filling. */
export interface Filling {
  readonly part: Part
  readonly buffer: Buffer
  filled: number
}

/** One connection. */
export interface Worker {
  readonly number: number
  /** Parts it has to fetch, in order. */
  readonly run: Part[]
  filling: Filling | undefined
  /** Bytes a second and seconds until the first byte, as last seen. */
  rate: number
  wait: number
  /** The answer that is being read: when its first byte came (ms), and bytes since; undefined where its end cannot be left to others. */
  reading: { readonly since: number; bytes: number } | undefined
}

/** What all connections have before them. */
export interface Work {
  /** Bytes that nobody has begun with. */
  readonly left: number
  readonly jobs: number
  readonly race: boolean
}

// While nothing is known of a connection.
const FIRST_RUN = 16 * 1024 * 1024
// The whole is hashed from its begin on while parts come: what the last requests bring is hashed at the end, so they must not be too long.
const MOST_RUN = 64 * 1024 * 1024
// A request shall last so many times longer than the wait for its first byte.
const WAIT_SHARE = 200
// Seconds that another connection still needs, so that it is worth a request to take some of it.
const WORTH_TAKING = 1

/** Bytes of the next request of a connection: so much that all end together, were they to go on as they do. */
export function runLength(
  { rate, wait }: Worker,
  all: readonly Worker[],
  { left, jobs, race }: Work,
): number {
  const begun = all.reduce((sum, other) => sum + bytesLeft(other), 0)
  if (rate === 0) return race ? 0 : Math.min(FIRST_RUN, (left + begun) / jobs)
  const rates = all.reduce((sum, other) => sum + (other.rate || rate), 0)
  return Math.min(MOST_RUN, ((left + begun) * rate) / rates, rate * wait * WAIT_SHARE)
}

/** Gives a connection that has nothing to do the end of the run that would last longest, as far as it is there before the other one. */
export function takeOver(worker: Worker, all: readonly Worker[]): void {
  const [slowest] = all
    .filter(({ run, reading }) => reading !== undefined && run.length > 1)
    .sort((a, b) => secondsLeft(b) - secondsLeft(a))
  if (slowest === undefined || secondsLeft(slowest) < WORTH_TAKING + worker.wait) return
  const { run } = slowest
  const share = worker.rate / (worker.rate + liveRate(slowest))
  const count = Math.min(run.length - 1, Math.floor(run.length * share))
  if (count > 0) worker.run.push(...run.splice(-count))
}

/** Bytes of a part; none of no part. */
export function partLength(part: Part | undefined): number {
  return part === undefined ? 0 : part.end - part.start
}

function secondsLeft(worker: Worker): number {
  return bytesLeft(worker) / Math.max(1, liveRate(worker))
}

/** Bytes a second of the answer that is being read. */
function liveRate({ reading }: Worker): number {
  if (reading === undefined) return 0
  return (reading.bytes * 1000) / Math.max(1, performance.now() - reading.since)
}

/** What a connection has before it; of the part that it is filling, the rest. */
function bytesLeft({ run, filling }: Worker): number {
  return run.reduce((sum, part) => sum + partLength(part), -(filling?.filled ?? 0))
}
