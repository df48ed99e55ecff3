/** Reads the body of an answer and notices when it comes too slowly. */
import type { Readable } from 'node:stream'
import { RemoteFailed } from '../domain/transfer-errors.ts'
import { failureOf } from './network-failure.ts'

/** What is too slow. */
export interface Stall {
  /** Bytes a second, over `seconds`. */
  readonly bytesPerSecond: number
  readonly seconds: number
}

/**
 * The chunks of a body. Only the time counts in which somebody waits for bytes: a slow disk is no slow network. Ended early, it closes the
 * connection.
 *
 * @param place - the address without its query, for messages
 * @throws RemoteFailed when it breaks off or is too slow
 */
export async function* watchedBody(
  body: Readable,
  place: string,
  stall: Stall,
): AsyncGenerator<Buffer> {
  const watch = new Watch(stall, () => {
    const rate = `less than ${stall.bytesPerSecond} bytes a second for ${stall.seconds} s`
    body.destroy(new RemoteFailed('stalled', `${place} is too slow: ${rate}`))
  })
  try {
    const chunks = body[Symbol.asyncIterator]()
    for (;;) {
      watch.waits()
      const { done, value } = await chunks.next()
      watch.got(value?.length ?? 0)
      if (done === true) return
      yield value
    }
  } catch (error) {
    throw failureOf(place, error, 'broken-off')
  } finally {
    watch.end()
    if (!body.readableEnded) body.destroy()
  }
}

/** Adds up bytes and the time of waiting for them. */
class Watch {
  readonly #stall: Stall
  readonly #timer: NodeJS.Timeout
  #since: number | undefined
  #waitedMs = 0
  #bytes = 0

  constructor(stall: Stall, onStall: () => void) {
    this.#stall = stall
    const look = () => {
      if (this.#isTooSlow()) onStall()
    }
    this.#timer = setInterval(look, Math.min(1000, (stall.seconds * 1000) / 4))
    this.#timer.unref()
  }

  waits(): void {
    this.#since = performance.now()
  }

  got(bytes: number): void {
    this.#waitedMs += this.#sinceMs()
    this.#since = undefined
    this.#bytes += bytes
  }

  end(): void {
    clearInterval(this.#timer)
  }

  #isTooSlow(): boolean {
    const { bytesPerSecond, seconds } = this.#stall
    if (this.#waitedMs + this.#sinceMs() < seconds * 1000) return false
    const isSlow = this.#bytes < bytesPerSecond * seconds
    this.#waitedMs = 0
    this.#bytes = 0
    if (this.#since !== undefined) this.#since = performance.now()
    return isSlow
  }

  #sinceMs(): number {
    return this.#since === undefined ? 0 : performance.now() - this.#since
  }
}
