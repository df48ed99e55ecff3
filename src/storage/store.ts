/** The one interface of byte stores: look up by key, read ranges. Files today, object stores later. */
import type { Readable } from 'node:stream'

/** Bytes `start` (inclusive, 0-based) to `end` (exclusive). */
export interface ByteRange {
  readonly start: number
  readonly end: number
}

/** What tells one state of an object from another without reading it. */
export interface Identity {
  /** Bytes. */
  readonly size: number
  /** Milliseconds since 1970, with fractions where the store has them. */
  readonly modifiedMs: number
  /** Number of the file in its file system (or the store's version), as text. */
  readonly inode: string
}

/** A file of the local disk by its true name. */
export interface FilePlace {
  /** Absolute path of the folder of the store, links resolved. */
  readonly root: string
  /** Path below it, with `/`; no part of it was a link when the file was opened. */
  readonly path: string
}

/** An opened object: it stays readable, and stays the same bytes, when the name is given to something else. */
export interface StoredObject extends Identity {
  /** The key it was opened by. */
  readonly key: string
  /** True for what is made of other objects when it is read: the store has nothing of this name. */
  readonly isMade?: true
  /** Until when its bytes are taken for the ones of the store without a look, by `performance.now()`. */
  readonly heldUntil?: number
  /** Where it lies, when it is a file below the folder of its store. */
  readonly place?: FilePlace
  /**
   * The bytes of a range, in order, with back-pressure. Ends the object when the last byte is read or the stream is destroyed.
   * The stream fails with ShortRead when the object ends early: it never ends as a short success.
   */
  stream(range: ByteRange): Readable
  /**
   * A short range in one piece; the object stays open.
   *
   * @throws ShortRead when the object ends early
   */
  bytes(range: ByteRange): Promise<Buffer>
  /** Lets go of the object; calling it twice is harmless. */
  close(): Promise<void>
}

/** Something below a folder of the store. */
export interface Listed {
  /** Path below the folder asked for, with `/`. */
  readonly path: string
  /** Bytes. */
  readonly size: number
}

/** A place that keeps bytes by key; keys are relative paths with `/`. */
export interface Store {
  /**
   * Opens an object; undefined when there is none.
   *
   * @throws OutsideRoot when the key leads out of the store
   * @throws StorageFailed when the store fails: that is never "not there"
   */
  open(key: string): Promise<StoredObject | undefined>
  /** Size, time and inode of an object without opening it; undefined when there is none. Throws as `open`. */
  identify(key: string): Promise<Identity | undefined>
  /** All objects below a folder, sorted by path; empty when there is no such folder. Throws as `open`. */
  list(folder: string): Promise<Listed[]>
}
