/** A blob put together of ranges of a stored object, bytes made on demand, and other sources. */
import type { Blob, BlobFacts } from './blob.ts'
import { nextChunkSize } from './file-stream.ts'
import { type NextPart, PiecewiseStream } from './piecewise-stream.ts'
import type { ByteRange, StoredObject } from './store.ts'

/** One piece of a blob. */
export interface Piece {
  /** Bytes. */
  readonly length: number
  /** Bytes that are made at once: cut at multiples of them, nothing is made twice. */
  readonly grain?: number
  /**
   * Some of its bytes; `range` lies within the piece, 0-based and half-open.
   *
   * @param isPassing - true for a part of something long that is read from begin to end: nobody will ask for it again soon
   */
  bytes(range: ByteRange, isPassing: boolean): Promise<Buffer> | Buffer
}

/** What a piecewise blob cannot know of itself. */
export interface PiecewiseFacts extends BlobFacts {
  readonly etag: string
  readonly modified?: Date
  /** Lets go of what the pieces are read from. */
  readonly close: () => Promise<void>
}

// Longer ranges are passing: keeping what they read would push out what is asked for again and again.
const LONGEST_KEPT = 1024 * 1024

// Small pieces are read together, so many at a time.
const MOST_TOGETHER = 8

/** A range of a piece. */
interface Cut {
  readonly piece: Piece
  readonly range: ByteRange
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
    stream: range => new PiecewiseStream(partsOf(pieces, ends, range), facts.close),
    bytes: async range => {
      const next = partsOf(pieces, ends, range)
      const all: Buffer[] = []
      for (let part = next(); part !== undefined; part = next()) all.push(...(await part))
      return all.length === 1 ? (all[0] as Buffer) : Buffer.concat(all)
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

/** Reads a range in parts, each as large as the present number of streams allows. */
function partsOf(pieces: readonly Piece[], ends: Float64Array, range: ByteRange): NextPart {
  const cuts = cutsOf(pieces, ends, range)
  const isPassing = range.end - range.start > LONGEST_KEPT
  return () => {
    const together = takeTogether(cuts)
    if (together.length === 0) return undefined
    return Promise.all(together.map(({ piece, range }) => piece.bytes(range, isPassing)))
  }
}

/** The next cuts, until they are as long as one read shall be. */
function takeTogether(cuts: Iterator<Cut>): Cut[] {
  const together: Cut[] = []
  for (let length = 0; length < nextChunkSize() && together.length < MOST_TOGETHER; ) {
    const { value, done } = cuts.next()
    if (done === true) break
    together.push(value)
    length += value.range.end - value.range.start
  }
  return together
}

function* cutsOf(
  pieces: readonly Piece[],
  ends: Float64Array,
  range: ByteRange,
): Generator<Cut, void> {
  for (let i = firstBehind(ends, range.start); i < pieces.length; i += 1) {
    const piece = pieces[i] as Piece
    const begin = (ends[i] as number) - piece.length
    if (begin >= range.end) return
    const stop = Math.min(piece.length, range.end - begin)
    for (let at = Math.max(0, range.start - begin); at < stop; ) {
      const end = Math.min(stop, cutBehind(at, piece.grain ?? 1))
      yield { piece, range: { start: at, end } }
      at = end
    }
  }
}

/** Where to cut: at most the size of a read away, at a multiple of the grain, and at least one grain further. */
function cutBehind(at: number, grain: number): number {
  const furthest = Math.floor((at + nextChunkSize()) / grain) * grain
  return furthest > at ? furthest : (Math.floor(at / grain) + 1) * grain
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
