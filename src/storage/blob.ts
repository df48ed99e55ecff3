/** Everything that is served is a blob: bytes with a size, a strong ETag, digests, a media type and a time. */
import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import type { ByteRange, FilePlace, StoredObject } from './store.ts'

/** Digests of the whole content, in hex; only ones that were computed from the bytes. */
interface ContentDigests {
  readonly sha256?: string
  readonly md5?: string
}

/** Bytes that can be served; made by the archive and the faces, consumed by `http/deliver.ts`. */
export interface Blob {
  /** Bytes. */
  readonly size: number
  /** Strong validator, without quotes. */
  readonly etag: string
  readonly mediaType: string
  /** Undefined for content that has no time of its own. */
  readonly modified?: Date
  readonly digests: ContentDigests
  /** Key of the object of the store that has these bytes and no others; undefined for everything that is made. */
  readonly storedAs?: string
  /** The file that has these bytes and no others, when it lies below the folder of its store. */
  readonly place?: FilePlace
  /** Until when these bytes may be sent again without another look at where they come from, by `performance.now()`. */
  readonly heldUntil?: number
  /** The whole content as a text, where it is a short one in memory: its writer can put it behind the headers in one piece. */
  readonly text?: string
  /** The bytes of a range; lets go of the blob at the end. Fails when the bytes end early. */
  stream(range: ByteRange): Readable
  /** A short range in one piece. */
  bytes(range: ByteRange): Promise<Buffer>
  /** Lets go of the blob; calling it twice is harmless. */
  close(): Promise<void>
}

/** What a stored object cannot say of itself. */
export interface BlobFacts {
  /** Strong validator; without one it is made of size, time and inode. */
  readonly etag?: string
  readonly mediaType: string
  readonly digests?: ContentDigests
  /** True for what the store has nothing of by its key, whoever put it together. */
  readonly isMade?: true
}

/** A stored object as a blob. */
export function storedBlob(object: StoredObject, facts: BlobFacts): Blob {
  const isStored = object.isMade !== true && facts.isMade !== true
  return {
    size: object.size,
    // As nginx does, and with the inode: a file that was swapped within a second still changes its tag.
    etag:
      facts.etag ??
      `${object.size.toString(16)}-${Math.round(object.modifiedMs * 1000).toString(16)}-${object.inode}`,
    mediaType: facts.mediaType,
    modified: new Date(object.modifiedMs),
    digests: facts.digests ?? {},
    ...(object.heldUntil !== undefined && { heldUntil: object.heldUntil }),
    ...(isStored && { storedAs: object.key }),
    ...(isStored && object.place !== undefined && { place: object.place }),
    stream: range => object.stream(range),
    bytes: range => object.bytes(range),
    close: () => object.close(),
  }
}

/** A part of a blob as a blob of its own; offsets count from its start. It has no digests: those are of the whole. */
export function sliceBlob(blob: Blob, part: ByteRange): Blob {
  const shifted = ({ start, end }: ByteRange) => ({
    start: part.start + start,
    end: part.start + end,
  })
  return {
    size: part.end - part.start,
    etag: `${blob.etag}.${part.start}-${part.end}`,
    mediaType: blob.mediaType,
    ...(blob.modified !== undefined && { modified: blob.modified }),
    digests: {},
    stream: range => blob.stream(shifted(range)),
    bytes: range => blob.bytes(shifted(range)),
    close: () => blob.close(),
  }
}

// Longer texts are written faster as bytes.
const SHORT_TEXT = 4096

/** Content in memory as a blob; its ETag is its digest. */
export function memoryBlob(content: Buffer | string, mediaType: string): Blob {
  const buffer = typeof content === 'string' ? Buffer.from(content) : content
  return {
    size: buffer.length,
    etag: createHash('sha256').update(buffer).digest('base64url').slice(0, 22),
    mediaType,
    digests: {},
    ...(typeof content === 'string' && buffer.length <= SHORT_TEXT && { text: content }),
    stream: range => Readable.from([buffer.subarray(range.start, range.end)]),
    bytes: async range => buffer.subarray(range.start, range.end),
    close: async () => {},
  }
}
