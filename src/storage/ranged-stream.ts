/** Streams a range of an object from a store; a connection that breaks is taken up again where it broke. */
import { Readable } from 'node:stream'
import { setTimeout as wait } from 'node:timers/promises'
import { ShortRead, StorageFailed } from '../domain/errors.ts'
import { countStream, nextChunkSize } from './file-stream.ts'
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
  readonly #counted = countStream()
  #position: number
  #body: Readable | undefined
  #idle: NodeJS.Timeout | undefined
  #asking = false
  #failures = 0

  constructor(range: ByteRange, name: string, getting: Getting) {
    // So much is read ahead of the client; many clients share a budget.
    super({ highWaterMark: nextChunkSize() })
    this.#position = range.start
    this.#end = range.end
    this.#name = name
    this.#getting = getting
  }

  override _read(): void {
    if (this.#position >= this.#end) {
      this.push(null)
    } else if (this.#body !== undefined) {
      if (!this.#body.isPaused()) return
      this.#idle?.refresh()
      this.#body.resume()
    } else if (!this.#asking) void this.#ask()
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#counted()
    this.#control.abort()
    this.#body?.destroy()
    clearTimeout(this.#idle)
    this.#body = undefined
    done(error)
  }

  /** Opens a connection from the present position on. */
  async #ask(): Promise<void> {
    this.#asking = true
    try {
      const range = { start: this.#position, end: this.#end }
      const body = await this.#getting(range, this.#control.signal)
      if (this.destroyed) body.destroy()
      else this.#follow(body)
    } catch (error) {
      await this.#takeUp(error)
    }
  }

  /** Passes on what comes: events, since a promise for each chunk costs as much as the chunk. */
  #follow(body: Readable): void {
    this.#asking = false
    this.#body = body
    const broken = (error: Error) => {
      // A body that was let go of has nothing to say any more.
      if (this.#body === body) void this.#takeUp(error)
    }
    const ended = () =>
      broken(new Error(`the answer ended at byte ${this.#position} of ${this.#end}`))
    this.#idle = setTimeout(() => {
      if (!body.isPaused()) broken(new Error('the store sends nothing'))
    }, IDLE_MS).unref()
    body.on('error', broken).on('end', ended).on('close', ended)
    body.on('data', (chunk: Buffer) => {
      if (this.#body !== body) return
      if (chunk.length > this.#end - this.#position) broken(new Error('the answer is too long'))
      else this.#pass(chunk, body)
    })
  }

  #pass(chunk: Buffer, body: Readable): void {
    this.#failures = 0
    this.#position += chunk.length
    this.#idle?.refresh()
    const wanted = this.push(chunk)
    if (this.#position >= this.#end) this.push(null)
    else if (!wanted) body.pause()
  }

  /** Asks again after a while, or gives up. */
  async #takeUp(error: unknown): Promise<void> {
    // All that was promised has come: how the connection ends is of no interest.
    if (this.#position >= this.#end) return
    this.#asking = true
    clearTimeout(this.#idle)
    const body = this.#body
    this.#body = undefined
    body?.destroy()
    this.#failures += 1
    // What was replaced or removed does not come back.
    const final = error instanceof ShortRead || this.destroyed
    if (final || this.#failures >= ATTEMPTS) {
      this.destroy(this.#failure(error))
      return
    }
    await wait(FIRST_WAIT_MS * 2 ** (this.#failures - 1))
    if (!this.destroyed) await this.#ask()
  }

  #failure(error: unknown): Error {
    if (error instanceof ShortRead || error instanceof StorageFailed) return error
    return new StorageFailed(this.#name, error)
  }
}
