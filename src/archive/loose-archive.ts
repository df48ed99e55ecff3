/**
 * Archives that nobody has written: their files lie loose in the store, once, and an index beside the place of the archive tells the rest.
 *
 * All blocks of such an archive are stored ones, so its bytes follow from the files and the index. It is opened like any other object, and
 * everything above (views, single files, ranges) works unchanged. Each block that is read is compared with the checksum that the index has of
 * it: a file that was replaced or damaged under a server breaks the answer, it never becomes other bytes (`docs/format.md`).
 */

import type { Readable } from 'node:stream'
import { crc32 } from 'node:zlib'
import { ShortRead, StorageFailed } from '../domain/errors.ts'
import type { Blob } from '../storage/blob.ts'
import { lazyPiece, type Piece, piecewiseBlob } from '../storage/piecewise-blob.ts'
import type { ByteRange, Identity, Listed, Store, StoredObject } from '../storage/store.ts'
import { packedHeaders, packedHeadersLength, stepsOf, storedNaming } from './archive-layout.ts'
import { BLOCK_PLAIN, STORED_OVERHEAD, storedBlock } from './block-gzip.ts'
import type { IndexShelf } from './index-shelf.ts'
import { blockChecksumsOf, type IndexFile, type MemberIndex } from './member-index.ts'

/** Bytes of a block that is full. */
const BLOCK_STORED = BLOCK_PLAIN + STORED_OVERHEAD

/** A store in which archives can be read whose files lie loose in it. */
export class LooseArchives implements Store {
  readonly #store: Store
  readonly #shelf: IndexShelf

  /** @param shelf - the indexes of the same store */
  constructor(store: Store, shelf: IndexShelf) {
    this.#store = store
    this.#shelf = shelf
  }

  async open(key: string): Promise<StoredObject | undefined> {
    const object = await this.#store.open(key)
    if (object !== undefined || !isArchive(key)) return object
    const found = await this.#loose(key)
    return found && new LooseArchive(this.#store, key, found.index, found.identity)
  }

  async identify(key: string): Promise<Identity | undefined> {
    const identity = await this.#store.identify(key)
    if (identity !== undefined || !isArchive(key)) return identity
    return (await this.#loose(key))?.identity
  }

  list(folder: string): Promise<Listed[]> {
    return this.#store.list(folder)
  }

  /** The index of an archive whose files lie loose, with the state the archive has by it: another index is another state. */
  async #loose(key: string): Promise<{ index: LooseIndex; identity: Identity } | undefined> {
    const found = await this.#shelf.lookUp(key)
    if (found === undefined || !isLoose(found.index)) return undefined
    const { index, identity } = found
    const { modifiedMs, inode } = identity
    return { index, identity: { size: index.archive.size, modifiedMs, inode: `loose-${inode}` } }
  }
}

type LooseIndex = MemberIndex & { readonly loose: string }

function isLoose(index: MemberIndex): index is LooseIndex {
  return index.loose !== undefined
}

/** Only what is asked for as a published archive can be one: everything else costs no second look. */
function isArchive(key: string): boolean {
  return /^archives\/[^/]+\/[^/]+\.tgz$/.test(key)
}

/** An opened archive whose files lie loose. */
export class LooseArchive implements StoredObject {
  readonly isMade = true
  readonly key: string
  readonly size: number
  readonly modifiedMs: number
  readonly inode: string
  readonly #files: LooseFiles
  readonly #blob: Blob

  constructor(store: Store, key: string, index: LooseIndex, identity: Identity) {
    this.key = key
    this.size = identity.size
    this.modifiedMs = identity.modifiedMs
    this.inode = identity.inode
    this.#files = new LooseFiles(store, index.loose)
    const pieces = stepsOf(index, storedNaming(index.tag)).flatMap(step => [
      lazyPiece(packedHeadersLength(step), () => packedHeaders(step)),
      ...(step.file === undefined ? [] : [blocksPiece(this.#files, step.file)]),
    ])
    this.#blob = piecewiseBlob(pieces, {
      mediaType: 'application/octet-stream',
      etag: index.archive.md5,
      close: () => this.#files.close(),
    })
  }

  stream(range: ByteRange): Readable {
    return this.#blob.stream(range)
  }

  bytes(range: ByteRange): Promise<Buffer> {
    return this.#blob.bytes(range)
  }

  close(): Promise<void> {
    return this.#files.close()
  }
}

/** The blocks of a loose file, as they would lie in the archive. */
function blocksPiece(files: LooseFiles, file: IndexFile): Piece {
  let checksums: Uint32Array | undefined
  return {
    length: file.end - file.start,
    grain: BLOCK_STORED,
    bytes: async range => {
      checksums ??= blockChecksumsOf(file)
      const first = Math.floor(range.start / BLOCK_STORED)
      const origin = first * BLOCK_STORED
      const start = first * BLOCK_PLAIN
      const end = Math.min(Math.ceil(range.end / BLOCK_STORED) * BLOCK_PLAIN, file.size)
      const plain = await files.read(file, { start, end })
      const blocks: Buffer[] = []
      for (let at = 0; at < plain.length; at += BLOCK_PLAIN) {
        const part = plain.subarray(at, at + BLOCK_PLAIN)
        if (crc32(part) !== checksums[first + blocks.length]) throw files.changed(file, start + at)
        blocks.push(storedBlock(part))
      }
      return Buffer.concat(blocks).subarray(range.start - origin, range.end - origin)
    },
  }
}

/** The loose files of an archive: one is open at a time, since there can be more of them than a process may open. */
class LooseFiles {
  readonly #store: Store
  readonly #folder: string
  #open: StoredObject | undefined
  /** Reads take turns: none closes the file of another. */
  #turn: Promise<unknown> = Promise.resolve()

  constructor(store: Store, folder: string) {
    this.#store = store
    this.#folder = folder
  }

  /** A range of a file. Throws ShortRead when it is not there, or not as long as the index says. */
  read(file: IndexFile, range: ByteRange): Promise<Buffer> {
    return this.#next(async () => {
      const object = await this.#opened(file)
      return object.bytes(range)
    })
  }

  /** What to throw for a file whose bytes are not those of the index. */
  changed(file: IndexFile, position: number): StorageFailed {
    const reason = `it is not the file of the index any more (byte ${position}): it was replaced or damaged`
    return new StorageFailed(this.#keyOf(file), new Error(reason))
  }

  close(): Promise<void> {
    return this.#next(() => this.#close())
  }

  async #opened(file: IndexFile): Promise<StoredObject> {
    const key = this.#keyOf(file)
    if (this.#open?.key === key) return this.#open
    await this.#close()
    const object = await this.#store.open(key)
    if (object === undefined) throw new ShortRead(key, 0, file.size)
    this.#open = object
    if (object.size === file.size) return object
    await this.#close()
    throw new ShortRead(key, Math.min(object.size, file.size), file.size)
  }

  async #close(): Promise<void> {
    const object = this.#open
    this.#open = undefined
    await object?.close()
  }

  #next<T>(action: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(action)
    this.#turn = result.catch(() => {})
    return result
  }

  #keyOf({ path }: IndexFile): string {
    return `${this.#folder}/${path}`
  }
}
