/** An object of a slower store that is read from the cache, piece by piece; what is missing is fetched. */
import { Readable } from 'node:stream'
import { StorageFailed } from '../domain/errors.ts'
import type { CacheEntry } from './cache-entry.ts'
import type { ByteRange, StoredObject } from './store.ts'

/** Fetches pieces that are not here. */
export interface PieceSource {
  /** The bytes of a piece, compared with their digest; undefined when the whole object is in the entry now. */
  fetch(piece: number): Promise<Buffer | undefined>
  /** Told when what was here is gone: somebody has cleared the folder. */
  lost(): Promise<void>
}

// What is read from the disk at a time.
const READ_SIZE = 512 * 1024

/** See the head of this file. */
export class CachedObject implements StoredObject {
  readonly key: string
  readonly size: number
  readonly modifiedMs: number
  readonly inode: string
  readonly #entry: CacheEntry
  readonly #source: PieceSource
  #closed = false

  constructor(entry: CacheEntry, source: PieceSource) {
    this.#entry = entry
    this.#source = source
    this.key = entry.shape.key
    this.size = entry.shape.size
    this.modifiedMs = entry.shape.modifiedMs
    this.inode = entry.shape.inode
    entry.users += 1
  }

  stream(range: ByteRange): Readable {
    const body = Readable.from(this.#chunks(range), { objectMode: false })
    // A reader that leaves before the first byte never starts the generator.
    body.once('close', () => void this.close())
    return body
  }

  async bytes(range: ByteRange): Promise<Buffer> {
    const chunks: Buffer[] = []
    for await (const chunk of this.#chunks(range)) chunks.push(chunk)
    return chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#entry.users -= 1
    // What cannot be written down is fetched again after the next start.
    await this.#entry.rest().catch(() => {})
  }

  async *#chunks({ start, end }: ByteRange): AsyncGenerator<Buffer> {
    const { pieceSize } = this.#entry.shape
    for (let at = start; at < end; ) {
      const piece = Math.floor(at / pieceSize)
      const stop = Math.min(end, (piece + 1) * pieceSize)
      // The next piece comes while this one is sent; whether it came is seen when it is its turn.
      if (stop < end && !this.#entry.has(piece + 1)) this.#source.fetch(piece + 1).catch(() => {})
      yield* this.#pieceBytes(piece, { start: at, end: stop })
      at = stop
    }
  }

  async *#pieceBytes(piece: number, { start, end }: ByteRange): AsyncGenerator<Buffer> {
    const entry = this.#entry
    if (!entry.has(piece)) {
      const content = await this.#source.fetch(piece)
      if (content !== undefined) {
        const base = entry.rangeOf(piece).start
        yield content.subarray(start - base, end - base)
        return
      }
    }
    for (let at = start; at < end; at += READ_SIZE) {
      const part = await entry.read({ start: at, end: Math.min(end, at + READ_SIZE) })
      if (part === undefined) {
        await this.#source.lost()
        throw new StorageFailed(this.key, new Error('its cached file is gone'))
      }
      yield part
    }
  }
}
