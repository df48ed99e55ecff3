/** Fetches a file over several connections and gives its bytes away in order: as far ahead as there are connections, no further. */
import { type FetchCost, fetchParts } from './part-fetcher.ts'
import { partsOf } from './part-plan.ts'
import type { RemoteFile } from './remote-file.ts'
import type { TransferOptions } from './transfer-options.ts'

/**
 * Fetches a file in order.
 *
 * @param take - called for one part after the other; the bytes are used again once it ends
 * @throws as fetchParts
 */
export function fetchInOrder(
  file: RemoteFile,
  options: TransferOptions,
  take: (bytes: Buffer) => Promise<void>,
): Promise<FetchCost> {
  const turns = new Turns()
  return fetchParts({
    file,
    parts: partsOf(file),
    options,
    inOrder: true,
    take: async (part, bytes, signal) => {
      await turns.of(part.number, signal)
      await take(bytes)
      turns.next()
    },
  })
}

/** Numbers in order, one after the other. */
class Turns {
  #now = 0
  readonly #waiting = new Map<number, () => void>()

  of(number: number, signal: AbortSignal): Promise<void> {
    if (number === this.#now) return Promise.resolve()
    return new Promise((go, stop) => {
      this.#waiting.set(number, go)
      // After a failure of another part its turn never comes.
      signal.addEventListener('abort', () => stop(signal.reason), { once: true })
    })
  }

  next(): void {
    this.#now += 1
    this.#waiting.get(this.#now)?.()
    this.#waiting.delete(this.#now)
  }
}
