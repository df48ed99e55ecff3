/** Reads blocks of a file in an archive: those that are needed, in one read, each inflated once and checked. */
import { ArchiveDamaged } from '../domain/errors.ts'
import type { ByteRange, StoredObject } from '../storage/store.ts'
import type { BlockCache } from './block-cache.ts'
import { BLOCK_PLAIN, inflateBlock } from './block-gzip.ts'
import { blockTable } from './block-table.ts'
import type { IndexFile } from './member-index.ts'

type Found = Buffer | Promise<Buffer> | undefined

/** Blocks as they lie in the archive, from an offset on. */
interface Packed {
  readonly begin: number
  readonly bytes: Buffer
}

/** The blocks of one file of an opened archive. */
export class MemberBlocks {
  readonly #object: StoredObject
  readonly #file: IndexFile
  readonly #cache: BlockCache
  readonly #name: string

  constructor(object: StoredObject, file: IndexFile, cache: BlockCache) {
    this.#object = object
    this.#file = file
    this.#cache = cache
    // Another state of the archive, or another content under the same index, is another block.
    const { key, size, modifiedMs, inode } = object
    this.#name = [key, size, modifiedMs, inode, file.start, file.sha256, ''].join('\0')
  }

  /**
   * The bytes of a range, block by block.
   *
   * @param isPassing - true when what is read shall not be kept
   * @throws ArchiveDamaged when a block does not match its checksum; what the store throws
   */
  async read(range: ByteRange, isPassing: boolean): Promise<Buffer[]> {
    const first = Math.floor(range.start / BLOCK_PLAIN)
    const found: Found[] = []
    for (let i = first; i * BLOCK_PLAIN < range.end; i += 1) {
      const block = this.#cache.find(this.#name + i)
      found.push(block instanceof Promise ? this.#joined(block, i) : block)
    }
    this.#readMissing(first, found, isPassing)
    const blocks = await Promise.all(found as readonly (Buffer | Promise<Buffer>)[])
    return blocks.map((block, k) => {
      const origin = (first + k) * BLOCK_PLAIN
      return block.subarray(Math.max(0, range.start - origin), range.end - origin)
    })
  }

  /** Fills the gaps with one read: a second one costs a store more than what lies between. */
  #readMissing(first: number, found: Found[], isPassing: boolean): void {
    const from = found.indexOf(undefined)
    if (from < 0) return
    const packed = this.#packed(first + from, first + found.lastIndexOf(undefined) + 1)
    found.forEach((known, k) => {
      if (known !== undefined) return
      const block = packed.then(part => this.#inflated(part, first + k))
      if (!isPassing) this.#cache.add(this.#name + (first + k), block)
      found[k] = block
    })
  }

  /** A block that somebody else reads. When that fails, their archive may have been closed: this one is open. */
  #joined(block: Promise<Buffer>, i: number): Promise<Buffer> {
    return block.catch(async () => this.#inflated(await this.#packed(i, i + 1), i))
  }

  async #packed(first: number, behind: number): Promise<Packed> {
    const table = blockTable(this.#file)
    const begin = table.offsetOf(first)
    const bytes = await this.#object.bytes({ start: begin, end: table.offsetOf(behind) })
    return { begin, bytes }
  }

  async #inflated({ begin, bytes }: Packed, i: number): Promise<Buffer> {
    const table = blockTable(this.#file)
    const block = bytes.subarray(table.offsetOf(i) - begin, table.offsetOf(i + 1) - begin)
    try {
      return await inflateBlock(block)
    } catch (error) {
      const reason = (error as Error).message
      throw new ArchiveDamaged(`${this.#object.key}: ${this.#file.path} ${reason}`)
    }
  }
}
