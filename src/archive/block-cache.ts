/** Inflated blocks of archives: the last ones that were asked for, as many as a number of bytes allows. */
import { BLOCK_PLAIN } from './block-gzip.ts'

// Blocks of a thousand ranges: so much a server can spare beside everything else.
const BUDGET = 64 * 1024 * 1024

/** Blocks whose memory is taken at once. */
const SLAB_BLOCKS = 64

/** Where bytes of a block go: `target` gets those from `start` on, until it is full. */
export interface Wanted {
  readonly target: Buffer
  /** Offset in the block. */
  readonly start: number
}

/**
 * Keeps checked blocks by a key that names the archive in one state, and knows which ones are being read.
 *
 * Blocks lie in memory that is taken once and used again, and are copied out of it: were each of them a buffer of its own, the
 * garbage collector would have to find out which of them nobody needs any more (docs/performance.md).
 */
export class BlockCache {
  readonly #most: number
  /** Place by key, in the order of their last use. */
  readonly #places = new Map<string, number>()
  readonly #slabs: Buffer[] = []
  readonly #reading = new Map<string, Promise<void>>()

  /** @param budget - bytes that are kept at most; with less than a block nothing is kept */
  constructor(budget = BUDGET) {
    this.#most = Math.floor(budget / BLOCK_PLAIN)
  }

  /** Bytes of memory that were taken. */
  get weight(): number {
    return this.#slabs.reduce((sum, slab) => sum + slab.length, 0)
  }

  /** Copies bytes of a block that is kept; false when it is not. */
  copy(key: string, { target, start }: Wanted): boolean {
    const place = this.#places.get(key)
    if (place === undefined) return false
    this.#places.delete(key)
    this.#places.set(key, place)
    this.#at(place).copy(target, 0, start, start + target.length)
    return true
  }

  /** Keeps a copy of a block. What lies behind the end of a shorter one nobody asks for. */
  keep(key: string, block: Buffer): void {
    if (this.#most === 0) return
    const place = this.#places.get(key) ?? this.#freePlace()
    block.copy(this.#at(place))
    this.#places.set(key, place)
  }

  /** The end of reading a block that somebody reads just now; how it ended is theirs. */
  reading(key: string): Promise<void> | undefined {
    return this.#reading.get(key)
  }

  /** Tells others that a block is being read. */
  begin(key: string, read: Promise<void>): void {
    const end = read
      .catch(() => {})
      .then(() => {
        this.#reading.delete(key)
      })
    this.#reading.set(key, end)
  }

  #freePlace(): number {
    if (this.#places.size < this.#most) return this.#places.size
    const [oldest, place] = this.#places.entries().next().value as [string, number]
    this.#places.delete(oldest)
    return place
  }

  #at(place: number): Buffer {
    const slab = Math.floor(place / SLAB_BLOCKS)
    const blocks = Math.min(SLAB_BLOCKS, this.#most - slab * SLAB_BLOCKS)
    this.#slabs[slab] ??= Buffer.allocUnsafeSlow(blocks * BLOCK_PLAIN)
    const start = (place % SLAB_BLOCKS) * BLOCK_PLAIN
    return this.#slabs[slab].subarray(start, start + BLOCK_PLAIN)
  }
}

/** The blocks of this process. */
export const BLOCKS = new BlockCache()
