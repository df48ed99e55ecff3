/** Streams what is read in parts: while one part is sent, the next one is read and made ready. */
import { Readable } from 'node:stream'
import { countStream, nextChunkSize } from './file-stream.ts'

/** A part of a stream: the bytes in order, in as many buffers as they come in. */
type Part = readonly Buffer[]

/** Tells the next part that is not read yet; undefined behind the last one. */
export type NextPart = () => Promise<Part> | undefined

// What is held for a client beside the part that is sent. Many clients have small parts, and nothing beside them.
const LEAST_AHEAD = 128 * 1024

// The parts are buffered here; the buffer of the stream itself shall only bridge two of their pieces.
const WATER_MARK = 64 * 1024

/** See the head of this file. It lets go of its source when it has ended, when its reader leaves, and when it fails. */
export class PiecewiseStream extends Readable {
  readonly #next: NextPart
  readonly #close: () => Promise<void>
  readonly #counted = countStream()
  /** What was read and is not passed on yet, the next one last. */
  #ready: Buffer[] = []
  #coming: Promise<Part> | undefined

  /** @param close - lets go of the source; called once, when nothing is being read any more */
  constructor(next: NextPart, close: () => Promise<void>) {
    super({ highWaterMark: WATER_MARK })
    this.#next = next
    this.#close = close
  }

  override _read(): void {
    if (this.#ready.length > 0) this.#pass()
    else void this.#fill()
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#counted()
    this.#ready = []
    // What is being read comes to its end first: it needs the source.
    void Promise.allSettled([this.#coming]).then(this.#close)
    done(error)
  }

  async #fill(): Promise<void> {
    try {
      while (this.#ready.length === 0) {
        this.#coming ??= this.#begin()
        if (this.#coming === undefined) {
          this.push(null)
          return
        }
        const part = await this.#coming
        if (this.destroyed) return
        this.#ready = part.filter(({ length }) => length > 0).reverse()
        this.#coming = nextChunkSize() < LEAST_AHEAD ? undefined : this.#begin()
      }
      this.#pass()
    } catch (error) {
      this.destroy(error as Error)
    }
  }

  #begin(): Promise<Part> | undefined {
    const coming = this.#next()
    // It may fail before anybody waits for it, or after everybody has left.
    coming?.catch(() => {})
    return coming
  }

  #pass(): void {
    let wanted = true
    while (wanted) {
      const buffer = this.#ready.pop()
      if (buffer === undefined) return
      wanted = this.push(buffer)
    }
  }
}
