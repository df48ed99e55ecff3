/** What receives large objects in parts that others send, at any time and in any order. */

/** A part that was received. */
export interface ReceivedPart {
  /** From 1. */
  readonly number: number
  /** Bytes. */
  readonly size: number
}

/** An upload that was begun at a store. */
export interface BegunUpload {
  readonly key: string
  /** The store's name of it. */
  readonly id: string
}

/** An address to which a client can send a part, past this server. */
export interface PartAddress {
  readonly url: string
  /** Headers that it must send. */
  readonly headers: Readonly<Record<string, string>>
}

/** Receives objects in parts; until it is completed, nobody can read an object. */
export interface StoreUploads {
  /** Bytes of a part for an object of a size; the last one may be shorter. */
  partSize(size: number): number
  /** Throws StorageWriteFailed, as all the others. */
  begin(key: string): Promise<BegunUpload>
  /** The parts that are there; empty when the upload is not there any more. */
  parts(upload: BegunUpload): Promise<ReceivedPart[]>
  /**
   * Takes a part; a part that is sent twice counts once.
   *
   * @param offset - of its first byte in the object
   * @param sha256 - hex; the store compares it
   */
  putPart(
    upload: BegunUpload,
    part: {
      readonly number: number
      readonly offset: number
      readonly body: Buffer
      readonly sha256: string
    },
  ): Promise<void>
  /** Where a client can send a part itself; undefined for a store that clients cannot reach. The store compares the digest. */
  partAddress(
    upload: BegunUpload,
    number: number,
    sha256: string,
    seconds: number,
  ): Promise<PartAddress | undefined>
  /** Makes the object of its parts. An upload that was completed before is no error. */
  complete(upload: BegunUpload): Promise<void>
  /** Forgets an upload and its parts; one that is not there is no error. */
  abort(upload: BegunUpload): Promise<void>
  /** Uploads that were begun before a time and are not complete, those of others too. */
  begunBefore(time: Date): Promise<BegunUpload[]>
  /** Gives an object another name; what has that name already is replaced. */
  move(from: string, to: string): Promise<void>
  /** Removes an object; one that is not there is no error. */
  remove(key: string): Promise<void>
}
