/** The member indexes of an archive folder: read when they are asked for, the last ones are kept. */
import type { Identity, Store } from '../storage/store.ts'
import { INDEX_SUFFIX, type MemberIndex, parseIndex } from './member-index.ts'

interface Kept {
  readonly index: MemberIndex | undefined
  /** Bytes of its text; what it takes in memory grows with them. */
  readonly weight: number
  readonly state: string
}

/** An index with the state its object is in. */
interface FoundIndex {
  readonly index: MemberIndex
  readonly identity: Identity
}

// Indexes of some thousand usual archives; one of a genome with 500,000 contigs fits too.
const BUDGET = 64 * 1024 * 1024

/** Indexes of the archives of a store. */
export class IndexShelf {
  readonly #store: Store
  readonly #budget: number
  /** In the order of their last use. */
  readonly #kept = new Map<string, Kept>()
  #weight = 0

  /** @param budget - bytes of index text that are kept */
  constructor(store: Store, budget = BUDGET) {
    this.#store = store
    this.#budget = budget
  }

  /**
   * The index of an archive in a given state; undefined when it has none, or one that belongs to other bytes.
   *
   * @throws StorageFailed, OutsideRoot
   */
  async indexOf(key: string, archive: Identity): Promise<MemberIndex | undefined> {
    const found = await this.lookUp(key)
    return found?.index.archive.size === archive.size ? found.index : undefined
  }

  /** The index that lies beside where an archive would be, with the state it is in. Throws as `indexOf`. */
  async lookUp(key: string): Promise<FoundIndex | undefined> {
    const identity = await this.#store.identify(key + INDEX_SUFFIX)
    if (identity === undefined) return undefined
    const state = [identity.size, identity.modifiedMs, identity.inode].join('-')
    const kept = this.#kept.get(key)
    const index = kept?.state === state ? this.#used(key, kept) : await this.#read(key, state)
    return index && { index, identity }
  }

  #used(key: string, kept: Kept): MemberIndex | undefined {
    this.#kept.delete(key)
    this.#kept.set(key, kept)
    return kept.index
  }

  async #read(key: string, state: string): Promise<MemberIndex | undefined> {
    const object = await this.#store.open(key + INDEX_SUFFIX)
    /* c8 ignore next -- removed between two looks at it */
    if (object === undefined) return undefined
    try {
      const text = await object.bytes({ start: 0, end: object.size })
      const index = parseIndex(text.toString('utf8'))
      this.#keep(key, { index, weight: object.size, state })
      return index
    } finally {
      await object.close()
    }
  }

  #keep(key: string, kept: Kept): void {
    this.#weight += kept.weight - (this.#kept.get(key)?.weight ?? 0)
    this.#kept.delete(key)
    this.#kept.set(key, kept)
    while (this.#weight > this.#budget && this.#kept.size > 1) {
      const [oldest, { weight }] = this.#kept.entries().next().value as [string, Kept]
      this.#kept.delete(oldest)
      this.#weight -= weight
    }
  }
}
