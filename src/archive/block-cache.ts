/** Inflated blocks of archives: the last ones that were asked for, as many as a number of bytes allows. */

// Blocks of a thousand ranges: so much a server can spare beside everything else.
const BUDGET = 64 * 1024 * 1024

/** Keeps checked blocks by a key that names the archive in one state, and lets nobody inflate what somebody else is inflating. */
export class BlockCache {
  readonly #budget: number
  /** In the order of their last use. */
  readonly #kept = new Map<string, Buffer>()
  readonly #coming = new Map<string, Promise<Buffer>>()
  #weight = 0

  /** @param budget - bytes that are kept at most */
  constructor(budget = BUDGET) {
    this.#budget = budget
  }

  /** Bytes that are kept now. */
  get weight(): number {
    return this.#weight
  }

  /** A block that is kept, or that somebody is about to bring: that may fail for reasons of theirs. */
  find(key: string): Buffer | Promise<Buffer> | undefined {
    const block = this.#kept.get(key)
    if (block === undefined) return this.#coming.get(key)
    this.#kept.delete(key)
    this.#kept.set(key, block)
    return block
  }

  /** Takes a block that is being read and checked; one that fails is not kept. */
  add(key: string, block: Promise<Buffer>): void {
    this.#coming.set(key, block)
    block.then(
      plain => this.#keep(key, plain),
      () => this.#coming.delete(key),
    )
  }

  #keep(key: string, block: Buffer): void {
    this.#coming.delete(key)
    this.#weight += heldBy(block)
    this.#kept.set(key, block)
    for (const [oldest, least] of this.#kept) {
      if (this.#weight <= this.#budget) return
      this.#kept.delete(oldest)
      this.#weight -= heldBy(least)
    }
  }
}

/** The blocks of this process. */
export const BLOCKS = new BlockCache()

/** What a block keeps from being freed: more than its own bytes, when it is a part of something. */
function heldBy({ buffer }: Buffer): number {
  return buffer.byteLength
}
