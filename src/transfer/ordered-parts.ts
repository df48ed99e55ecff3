/** Fetches a file over several connections and gives its bytes away in order: as far ahead as there are connections, no further. */
import { type FetchCost, fetchParts } from './part-fetcher.ts'
import { partsOf } from './part-plan.ts'
import { RangesIgnored } from './place.ts'
import type { RemoteFile } from './remote-file.ts'
import type { TransferOptions } from './transfer-options.ts'

/**
 * Fetches a file in order.
 *
 * @param take - called for one part after the other; the bytes are used again once it ends
 * @throws as fetchParts
 */
export async function fetchInOrder(
  file: RemoteFile,
  options: TransferOptions,
  take: (bytes: Buffer) => Promise<void>,
): Promise<FetchCost> {
  const parts = partsOf(file)
  let taken = 0
  const fetch = (jobs: number | undefined) => {
    const turns = new Turns(taken)
    return fetchParts({
      file,
      parts: parts.slice(taken),
      options: { ...options, ...(jobs !== undefined && { jobs }) },
      inOrder: true,
      take: async (part, bytes, signal) => {
        await turns.of(part.number, signal)
        await take(bytes)
        taken += 1
        turns.next()
      },
    })
  }
  try {
    return await fetch(options.jobs)
  } catch (error) {
    if (!(error instanceof RangesIgnored)) throw error
    // The whole file comes over one connection.
    return await fetch(1)
  }
}

interface Waiting {
  readonly go: () => void
  readonly stop: (reason: unknown) => void
}

/** Numbers in order, one after the other. */
class Turns {
  #now: number
  readonly #waiting = new Map<number, Waiting>()
  #isWatched = false

  /** @param first - the number that comes first */
  constructor(first: number) {
    this.#now = first
  }

  async of(number: number, signal: AbortSignal): Promise<void> {
    if (number === this.#now) return
    signal.throwIfAborted()
    this.#watch(signal)
    await new Promise<void>((go, stop) => {
      this.#waiting.set(number, { go, stop })
    })
  }

  next(): void {
    this.#now += 1
    this.#waiting.get(this.#now)?.go()
    this.#waiting.delete(this.#now)
  }

  /** After a failure of another part the turn of those that wait never comes. */
  #watch(signal: AbortSignal): void {
    if (this.#isWatched) return
    this.#isWatched = true
    const stopAll = () => {
      for (const { stop } of this.#waiting.values()) stop(signal.reason)
    }
    signal.addEventListener('abort', stopAll, { once: true })
  }
}
