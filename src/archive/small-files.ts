/**
 * Small files that are asked for again and again: their bytes stay in memory for a second, with the identity that they were read under.
 *
 * Opening and reading such a file costs more than sending it. What is kept is one opened file as a whole, so that bytes, size, time and
 * inode always belong together; a file that is replaced or removed under a running server is noticed when the second is over. A cache lives
 * as long as one catalogue: what was read before a config changed never meets the digests that the new config claims.
 */
import { OldestOut } from '../domain/oldest-out.ts'
import { isOnDisk } from '../storage/file-store.ts'
import { memoryObject } from '../storage/memory-object.ts'
import type { StoredObject } from '../storage/store.ts'

/** Something that was opened for its bytes. */
interface Opened {
  readonly object: StoredObject
}

interface Kept<T> {
  readonly opened: T
  /** By `performance.now()`. */
  readonly until: number
}

const LARGEST = 64 * 1024
const BUDGET = 32 * 1024 * 1024
// What a file takes beside its bytes.
const OVERHEAD = 1024
// As long as `FileStore` trusts a folder.
const TRUST_MS = 1000

/** Small files of the local disk; those of other stores, larger ones and made ones pass through. */
export class SmallFiles<T extends Opened | undefined> {
  readonly #kept: OldestOut<Kept<T>>

  /** @param budget - bytes of files that are kept */
  constructor(budget = BUDGET) {
    this.#kept = new OldestOut(budget)
  }

  /** Bytes of the files that are kept, as they are reckoned. */
  get weight(): number {
    return this.#kept.weight
  }

  /**
   * What `open` has opened, from memory where that is recent enough. Throws as `open`.
   *
   * @param name - the same for the same file
   */
  async open(name: string, open: () => Promise<T>): Promise<T> {
    const now = performance.now()
    const kept = this.#kept.get(name)
    if (kept !== undefined && now < kept.until) return kept.opened
    this.#kept.drop(name)
    const opened = await open()
    if (opened === undefined || !isOnDisk(opened.object) || opened.object.size > LARGEST) {
      return opened
    }
    const until = now + TRUST_MS
    const inHand: T = { ...opened, object: await inMemory(opened.object, until) }
    this.#kept.keep(name, { opened: inHand, until }, OVERHEAD + opened.object.size)
    return inHand
  }
}

/** The same object with its bytes read; the file is let go. */
async function inMemory(object: StoredObject, heldUntil: number): Promise<StoredObject> {
  try {
    const bytes = await object.bytes({ start: 0, end: object.size })
    return { ...object, ...memoryObject(object.key, bytes, object), heldUntil }
  } finally {
    await object.close()
  }
}
