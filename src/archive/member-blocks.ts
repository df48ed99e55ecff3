/** Reads blocks of a file in an archive: those that are needed, in one read, each inflated once and checked. */
import { ArchiveDamaged } from '../domain/errors.ts'
import type { ByteRange, StoredObject } from '../storage/store.ts'
import type { BlockCache, Wanted } from './block-cache.ts'
import { BLOCK_PLAIN, inflateBlock, inflateNow } from './block-gzip.ts'
import { blockTable } from './block-table.ts'
import { inflateTurn } from './inflate-turns.ts'
import type { IndexFile } from './member-index.ts'

// Where a block is inflated of which only a part is wanted.
const SCRATCH = Buffer.allocUnsafeSlow(BLOCK_PLAIN)

/** A block of which bytes are wanted. */
interface WantedBlock extends Wanted {
  /** Number of the block in its file. */
  readonly block: number
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
   * The bytes of a range.
   *
   * @param isPassing - true when what is read shall not be kept
   * @throws ArchiveDamaged when a block does not match its checksum; what the store throws
   */
  async read(range: ByteRange, isPassing: boolean): Promise<Buffer> {
    const bytes = Buffer.allocUnsafe(range.end - range.start)
    const missing = wantedOf(range, bytes).filter(
      wanted => !this.#cache.copy(this.#keyOf(wanted), wanted),
    )
    const own = missing.filter(wanted => this.#cache.reading(this.#keyOf(wanted)) === undefined)
    const others = missing.filter(wanted => !own.includes(wanted))
    await Promise.all([...others.map(wanted => this.#join(wanted)), ...this.#fetch(own, isPassing)])
    return bytes
  }

  /** Reads blocks with all between them: a second read costs a store more than what it would leave out. */
  #fetch(wanted: readonly WantedBlock[], isPassing: boolean): Promise<void>[] {
    const [first] = wanted
    const last = wanted.at(-1)
    if (first === undefined || last === undefined) return []
    const table = blockTable(this.#file)
    const begin = table.offsetOf(first.block)
    const packed = this.#object.bytes({ start: begin, end: table.offsetOf(last.block + 1) })
    return wanted.map(one => {
      const read = packed.then(bytes => {
        const start = table.offsetOf(one.block) - begin
        const end = table.offsetOf(one.block + 1) - begin
        return this.#inflate(bytes.subarray(start, end), one, isPassing)
      })
      if (!isPassing) this.#cache.begin(this.#keyOf(one), read)
      return read
    })
  }

  /** Waits for a block that somebody else reads. When they fail or leave, or it was pushed out already, it is read here. */
  async #join(wanted: WantedBlock): Promise<void> {
    await this.#cache.reading(this.#keyOf(wanted))
    if (this.#cache.copy(this.#keyOf(wanted), wanted)) return
    await Promise.all(this.#fetch([wanted], true))
  }

  async #inflate(packed: Buffer, wanted: WantedBlock, isPassing: boolean): Promise<void> {
    const length = Math.min(BLOCK_PLAIN, this.#file.size - wanted.block * BLOCK_PLAIN)
    const isWhole = wanted.target.length === length
    const place = isWhole ? wanted.target : SCRATCH.subarray(0, length)
    // A short range never waits behind those who read whole files.
    if (isPassing) await inflateTurn()
    // Nothing is awaited before the bytes are copied: the next block goes to the same place.
    const plain = inflateNow(packed, place) ? place : await this.#inflated(packed, length)
    if (plain !== wanted.target) plain.copy(wanted.target, 0, wanted.start)
    if (!isPassing) this.#cache.keep(this.#keyOf(wanted), plain)
  }

  async #inflated(packed: Buffer, length: number): Promise<Buffer> {
    const plain = await inflateBlock(packed).catch(error => error as Error)
    if (Buffer.isBuffer(plain) && plain.length === length) return plain
    const reason = Buffer.isBuffer(plain) ? 'has another length' : plain.message
    throw new ArchiveDamaged(`${this.#object.key}: ${this.#file.path} ${reason}`)
  }

  #keyOf({ block }: WantedBlock): string {
    return this.#name + block
  }
}

/** What of each block a range wants, with the part of the bytes it goes to. */
function wantedOf(range: ByteRange, bytes: Buffer): WantedBlock[] {
  const wanted: WantedBlock[] = []
  for (let at = range.start; at < range.end; ) {
    const block = Math.floor(at / BLOCK_PLAIN)
    const end = Math.min((block + 1) * BLOCK_PLAIN, range.end)
    const target = bytes.subarray(at - range.start, end - range.start)
    wanted.push({ block, start: at - block * BLOCK_PLAIN, target })
    at = end
  }
  return wanted
}
