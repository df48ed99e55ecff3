/** Streams a range of an open file with few, large reads. */
import type { FileHandle } from 'node:fs/promises'
import { ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { ShortRead } from '../domain/errors.ts'
import { FileSender } from './file-sender.ts'
import { sendingShare } from './sending-share.ts'
import type { ByteRange } from './store.ts'

// One client gets 1 MiB reads (measured: 2x the default of 64 KiB); many clients share a budget, so memory stays flat.
const LARGEST_CHUNK = 1024 * 1024
const SMALLEST_CHUNK = 64 * 1024
const BUDGET = 8 * 1024 * 1024

let active = 0

/** The size of the next read, from the number of streams that are open now. */
export function chunkSize(streams: number): number {
  const share = 2 ** Math.floor(Math.log2(BUDGET / Math.max(streams, 1)))
  return Math.min(LARGEST_CHUNK, Math.max(SMALLEST_CHUNK, share))
}

/** Counts a stream of another kind among those that share the budget; the answer takes it back. */
export function countStream(): () => void {
  let counted = true
  active += 1
  return () => {
    if (counted) active -= 1
    counted = false
  }
}

/** The size of the next read of a counted stream. */
export function nextChunkSize(): number {
  return chunkSize(active)
}

/**
 * A stream of one range of a file; it closes the file at its end.
 *
 * Piped into an answer of the server, the bytes go from lent buffers into the socket (`FileSender`); everybody else gets memory of their own.
 */
export class FileStream extends Readable {
  readonly #file: FileHandle
  readonly #path: string
  readonly #end: number
  #position: number
  #begun = false
  #sender: FileSender | undefined

  constructor(file: FileHandle, path: string, range: ByteRange) {
    // The high-water mark counts what is read ahead of the client: one chunk on its way is enough.
    super({ highWaterMark: SMALLEST_CHUNK })
    this.#file = file
    this.#path = path
    this.#position = range.start
    this.#end = range.end
    active += 1
  }

  override pipe<T extends NodeJS.WritableStream>(to: T, options: { end?: boolean } = {}): T {
    // Only an answer tells when its socket has taken a chunk: another stream may keep it and pass it on.
    const fresh = this.readableFlowing === null && !this.#begun && this.#position < this.#end
    if (!(to instanceof ServerResponse && fresh && !this.destroyed)) return super.pipe(to, options)
    this.#sender = new FileSender({
      file: this.#file,
      path: this.#path,
      range: { start: this.#position, end: this.#end },
      sink: to,
      share: () => sendingShare(active),
      ended: () => {
        if (options.end !== false) to.end()
        // Nobody reads this stream, and still it must tell that it has ended.
        this.push(null)
        this.resume()
      },
      failed: error => this.destroy(error),
    })
    return to
  }

  override _read(): void {
    if (this.#sender !== undefined) return
    this.#begun = true
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
    active -= 1
    this.#close().then(
      () => done(error),
      failure => done(error ?? failure),
    )
  }

  async #close(): Promise<void> {
    await this.#sender?.stop()
    await this.#file.close()
  }

  async #next(): Promise<Buffer> {
    const length = Math.min(chunkSize(active), this.#end - this.#position)
    const buffer = Buffer.allocUnsafeSlow(length)
    const { bytesRead } = await this.#file.read(buffer, 0, length, this.#position)
    if (bytesRead === 0) throw new ShortRead(this.#path, this.#position, this.#end)
    this.#position += bytesRead
    return bytesRead === length ? buffer : buffer.subarray(0, bytesRead)
  }
}
