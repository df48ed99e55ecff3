/**
 * One object of a slower store on the local disk, as far as it was fetched: a sparse file and a bit for each piece that is in it.
 *
 * Bits are written after the bytes were flushed, so that a killed server or a power cut loses pieces, and never takes holes for content.
 */
import { randomBytes } from 'node:crypto'
import { type FileHandle, open, rename, rm, utimes } from 'node:fs/promises'
import { replaceFile } from './replace-file.ts'
import type { ByteRange, Identity } from './store.ts'

/** What an entry says of itself on disk. */
export interface EntryFacts {
  readonly format: 1
  readonly key: string
  readonly size: number
  readonly modifiedMs: number
  readonly inode: string
  /** Bytes of a piece; the last one may be shorter. */
  readonly pieceSize: number
  /** Name of the file with the bytes. */
  readonly data: string
  /** A bit for each piece, as base64. */
  readonly present: string
}

/** What an entry is made for. */
export interface EntryShape extends Identity {
  readonly key: string
  readonly pieceSize: number
}

// So many pieces are lost at most when the server is killed.
const FLUSH_PIECES = 64
const TOUCH_MS = 60_000

/** One object in the cache. */
export class CacheEntry {
  readonly shape: EntryShape
  /** Bytes that are here. */
  bytes = 0
  /** Readers at this moment. */
  users = 0
  /** True once it was removed; whoever reads it still may go on. */
  isGone = false
  readonly #folder: string
  readonly #id: string
  readonly #data: string
  readonly #present: Uint8Array
  #missing: number
  #handle: Promise<FileHandle> | undefined
  /** What is known of an object is written down even before it has a piece. */
  #isDirty: boolean
  #unflushed = 0
  /** One at a time: a slower one must not put an older state in the place of a newer one. */
  #flushing: Promise<void> = Promise.resolve()
  #touchedAt = 0

  /** @param id - name of its files in the folder */
  constructor(folder: string, id: string, shape: EntryShape, facts?: EntryFacts) {
    this.#folder = folder
    this.#id = id
    this.shape = shape
    this.#isDirty = facts === undefined
    this.#data = facts?.data ?? `${id}.${randomBytes(6).toString('hex')}.data`
    const pieces = Math.ceil(shape.size / shape.pieceSize)
    this.#present = new Uint8Array(Math.ceil(pieces / 8))
    this.#missing = pieces
    const known = Buffer.from(facts?.present ?? '', 'base64')
    for (let i = 0; i < pieces; i += 1) if (((known[i >> 3] ?? 0) >> (i & 7)) & 1) this.#mark(i)
  }

  /** Name of the file with the bytes. */
  get dataName(): string {
    return this.#data
  }

  get isComplete(): boolean {
    return this.#missing === 0
  }

  /** True when a piece is here. */
  has(piece: number): boolean {
    return (((this.#present[piece >> 3] ?? 0) >> (piece & 7)) & 1) === 1
  }

  /** Bytes of a piece: 0-based, half-open, in the object. */
  rangeOf(piece: number): ByteRange {
    const { size, pieceSize } = this.shape
    return { start: piece * pieceSize, end: Math.min(size, (piece + 1) * pieceSize) }
  }

  /** Bytes that are here; undefined when the file was taken away or cut. */
  async read({ start, end }: ByteRange): Promise<Buffer | undefined> {
    const handle = await this.#open().catch(() => undefined)
    if (handle === undefined) return undefined
    const buffer = Buffer.allocUnsafe(end - start)
    for (let filled = 0; filled < buffer.length; ) {
      const { bytesRead } = await handle.read(
        buffer,
        filled,
        buffer.length - filled,
        start + filled,
      )
      if (bytesRead === 0) return undefined
      filled += bytesRead
    }
    return buffer
  }

  /** Keeps a piece. Throws errors of the file system. */
  async write(piece: number, content: Buffer): Promise<void> {
    const handle = await this.#open()
    const { start } = this.rangeOf(piece)
    for (let done = 0; done < content.length; ) {
      done += (await handle.write(content, done, content.length - done, start + done)).bytesWritten
    }
    if (!this.has(piece)) this.#mark(piece)
    this.#isDirty = true
    this.#unflushed += 1
    if (this.#unflushed >= FLUSH_PIECES) await this.flush()
  }

  /** Takes a file of the same folder that was flushed for its whole content. */
  async adopt(file: string): Promise<void> {
    await rename(file, this.#path(this.#data))
    const pieces = Math.ceil(this.shape.size / this.shape.pieceSize)
    for (let i = 0; i < pieces; i += 1) if (!this.has(i)) this.#mark(i)
    this.#isDirty = true
  }

  /** Flushes what was written and says so on disk; what another call does of it is waited for. */
  flush(): Promise<void> {
    const flushed = this.#flushing.then(() => this.#flush())
    this.#flushing = flushed.catch(() => {})
    return flushed
  }

  async #flush(): Promise<void> {
    if (!this.#isDirty || this.isGone) return
    this.#isDirty = false
    this.#unflushed = 0
    // What is written from now on may be on disk or not.
    const present = Buffer.from(this.#present).toString('base64')
    await (await this.#handle)?.datasync()
    const { key, size, modifiedMs, inode, pieceSize } = this.shape
    const data = this.#data
    const facts: EntryFacts = { format: 1, key, size, modifiedMs, inode, pieceSize, data, present }
    await replaceFile(this.#path(`${this.#id}.json`), JSON.stringify(facts))
  }

  /** Lets go of the file when nobody reads it any more. */
  async rest(): Promise<void> {
    await this.flush()
    if (this.users > 0) return
    // Without a pause in between: whoever comes now opens it anew.
    const handle = this.#handle
    this.#handle = undefined
    await (await handle)?.close()
  }

  /** Notes on disk that it was used, for the next start. */
  async touch(): Promise<void> {
    const now = Date.now()
    if (this.isGone || now - this.#touchedAt < TOUCH_MS) return
    this.#touchedAt = now
    const time = new Date(now)
    await utimes(this.#path(`${this.#id}.json`), time, time).catch(() => {})
  }

  /** Removes its files; whoever has them open reads on. */
  async remove(): Promise<void> {
    this.isGone = true
    // It would bring the name back.
    await this.#flushing
    await rm(this.#path(`${this.#id}.json`), { force: true })
    await rm(this.#path(this.#data), { force: true })
  }

  #mark(piece: number): void {
    const byte = piece >> 3
    this.#present[byte] = (this.#present[byte] as number) | (1 << (piece & 7))
    this.#missing -= 1
    const { start, end } = this.rangeOf(piece)
    this.bytes += end - start
  }

  #open(): Promise<FileHandle> {
    this.#handle ??= open(this.#path(this.#data), 'r+').catch(error => {
      // Only what has no piece yet may be made anew: a file that is gone must not come back as a hole.
      if (error.code === 'ENOENT' && this.bytes === 0) return open(this.#path(this.#data), 'w+')
      this.#handle = undefined
      throw error
    })
    return this.#handle
  }

  #path(name: string): string {
    return `${this.#folder}/${name}`
  }
}
