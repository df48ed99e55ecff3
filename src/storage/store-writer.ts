/** What writes into a store: small objects under a condition, large ones in parts. */
import type { Store, StoredObject } from './store.ts'
import type { StoreUploads } from './store-uploads.ts'

/** What must hold for a small object to be written. */
export type WriteCondition =
  /** Nothing is there yet. */
  | { readonly absent: true }
  /** The object is in this state still (`inode` of its identity). */
  | { readonly state: string }

/** How much of a large object was sent, and how much was there already, in bytes. */
export interface Sent {
  readonly sent: number
  readonly kept: number
}

/** Bytes of a part; larger ones are whole multiples. */
export const PART_SIZE = 8 * 1024 * 1024

/** A store takes at most so many parts of an object. */
export const MOST_PARTS = 10_000

/** Looks at a part of an object, which begins at `offset` in bytes, before it is sent. */
export type PartCheck = (part: Buffer, offset: number) => Promise<void> | void

/** Writes into a store; what is half written cannot be read by anybody. */
export interface StoreWriter {
  /**
   * Writes a small object; answers false when the condition does not hold, and nothing was written.
   *
   * @throws StorageWriteFailed
   */
  put(key: string, content: Buffer | string, condition?: WriteCondition): Promise<boolean>
  /**
   * Writes a large object; `check` sees every part before it is sent, and may refuse it by throwing or rejecting.
   *
   * @throws StorageWriteFailed, StorageFailed, and what `check` throws
   */
  upload(key: string, source: StoredObject, check: PartCheck): Promise<Sent>
}

/** A store with what writes into it. */
export interface WritableStore {
  readonly store: Store
  readonly writer: StoreWriter
  readonly uploads: StoreUploads
}
