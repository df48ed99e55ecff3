/** A blob put together of ranges of a stored object, bytes made on demand, and other sources. */
import { Readable } from 'node:stream'
import type { Blob, BlobFacts } from './blob.ts'
import { countStream, nextChunkSize } from './file-stream.ts'
import type { ByteRange, StoredObject } from './store.ts'

/** One piece of a blob. */
export interface Piece {
  /** Bytes. */
  readonly length: number
  /** Some of its bytes; `range` lies within the piece, 0-based and half-open. */
  bytes(range: ByteRange): Promise<Buffer> | Buffer
}

/** What a piecewise blob cannot know of itself. */
export interface PiecewiseFacts extends BlobFacts {
  readonly etag: string
  readonly modified?: Date
  /** Lets go of what the pieces are read from. */
  readonly close: () => Promise<void>
}

/** A blob of pieces, one after the other; only pieces that a range touches are asked for bytes. */
export function piecewiseBlob(pieces: readonly Piece[], facts: PiecewiseFacts): Blob {
  const ends = endsOf(pieces)
  const size = ends.at(-1) ?? 0
  return {
    size,
    etag: facts.etag,
    mediaType: facts.mediaType,
    digests: facts.digests ?? {},
    ...(facts.modified && { modified: facts.modified }),
    stream: range => {
      const body = Readable.from(chunksOf(pieces, ends, range), { objectMode: false })
      const counted = countStream()
      // A reader that leaves before the first byte never starts the generator, so its end cannot be relied on.
      body.once('close', () => {
        counted()
        void facts.close()
      })
      return body
    },
    bytes: async range => {
      const chunks: Buffer[] = []
      for await (const chunk of chunksOf(pieces, ends, range)) chunks.push(chunk)
      return chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)
    },
    close: facts.close,
  }
}

/** Bytes of the archive as they are. */
export function storedPiece(object: StoredObject, start: number, end: number): Piece {
  return {
    length: end - start,
    bytes: range => object.bytes({ start: start + range.start, end: start + range.end }),
  }
}

/** Bytes that are made when they are asked for. */
export function lazyPiece(length: number, make: () => Buffer): Piece {
  return { length, bytes: range => make().subarray(range.start, range.end) }
}

/** End of each piece in the blob. */
function endsOf(pieces: readonly Piece[]): Float64Array {
  const ends = new Float64Array(pieces.length)
  let at = 0
  pieces.forEach((piece, i) => {
    at += piece.length
    ends[i] = at
  })
  return ends
}

async function* chunksOf(
  pieces: readonly Piece[],
  ends: Float64Array,
  range: ByteRange,
): AsyncGenerator<Buffer> {
  for (let i = firstBehind(ends, range.start); i < pieces.length; i += 1) {
    const piece = pieces[i] as Piece
    const begin = (ends[i] as number) - piece.length
    if (begin >= range.end) return
    const stop = Math.min(piece.length, range.end - begin)
    for (let at = Math.max(0, range.start - begin); at < stop; ) {
      const end = Math.min(stop, at + nextChunkSize())
      const chunk = await piece.bytes({ start: at, end })
      if (chunk.length > 0) yield chunk
      at = end
    }
  }
}

/** The first piece that ends behind a position. */
function firstBehind(ends: Float64Array, position: number): number {
  let low = 0
  let high = ends.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((ends[middle] as number) <= position) low = middle + 1
    else high = middle
  }
  return low
}
