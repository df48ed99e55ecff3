/** Streams a range of an object from a store; a connection that breaks is taken up again where it broke. */
import { Readable } from 'node:stream'
import { setTimeout as wait } from 'node:timers/promises'
import { ShortRead, StorageFailed } from '../domain/errors.ts'
import type { ByteRange } from './store.ts'

/** Asks for the bytes of a range. */
export type Getting = (range: ByteRange, signal: AbortSignal) => Promise<Readable>

// So often a broken answer is taken up again without a byte in between; each byte that comes starts the count anew.
const ATTEMPTS = 4
const FIRST_WAIT_MS = 100
// A store that sends nothing for so long has forgotten us.
const IDLE_MS = 30_000

/** The bytes of a range, exactly as many as were promised; it fails when they do not come. */
export class RangedStream extends Readable {
  readonly #end: number
  readonly #name: string
  readonly #getting: Getting
  readonly #control = new AbortController()
  #position: number
  #source: AsyncIterator<Buffer> | undefined
  #body: Readable | undefined
  #failures = 0

  constructor(range: ByteRange, name: string, getting: Getting) {
    super({ highWaterMark: 64 * 1024 })
    this.#position = range.start
    this.#end = range.end
    this.#name = name
    this.#getting = getting
  }

  override _read(): void {
    if (this.#position >= this.#end) {
      this.push(null)
      return
    }
    this.#next().then(
      chunk => this.push(chunk),
      error => this.destroy(error),
    )
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#control.abort()
    this.#body?.destroy()
    done(error)
  }

  /** The next bytes, from a new connection when the last one has broken. */
  async #next(): Promise<Buffer> {
    for (;;) {
      try {
        const chunk = await this.#chunk()
        this.#failures = 0
        this.#position += chunk.length
        return chunk
      } catch (error) {
        this.#forget()
        // What was replaced or removed does not come back.
        const final = error instanceof ShortRead || this.destroyed
        this.#failures += 1
        if (final || this.#failures >= ATTEMPTS) throw this.#failure(error)
        await wait(FIRST_WAIT_MS * 2 ** (this.#failures - 1))
      }
    }
  }

  async #chunk(): Promise<Buffer> {
    if (this.#source === undefined) {
      const range = { start: this.#position, end: this.#end }
      this.#body = await this.#getting(range, this.#control.signal)
      this.#source = this.#body[Symbol.asyncIterator]() as AsyncIterator<Buffer>
    }
    const { value, done } = await withinTime(this.#source.next())
    if (done === true) throw new Error(`the answer ended at byte ${this.#position} of ${this.#end}`)
    if (value.length > this.#end - this.#position) throw new Error('the answer is too long')
    return value
  }

  #forget(): void {
    this.#body?.destroy()
    this.#body = undefined
    this.#source = undefined
  }

  #failure(error: unknown): Error {
    if (error instanceof ShortRead || error instanceof StorageFailed) return error
    return new StorageFailed(this.#name, error)
  }
}

async function withinTime<T>(work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, failed) => {
    timer = setTimeout(() => failed(new Error('the store sends nothing')), IDLE_MS)
    timer.unref()
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}
