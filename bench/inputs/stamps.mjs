// Bytes that tell their own place: noise in which each page begins with its offset. What is sent from a wrong place, or was overwritten by a buffer
// that is used twice, is found without hashing while the clock runs.
import { randomBytes } from 'node:crypto'

/** Bytes from one stamp to the next. */
export const PAGE = 4096
const STAMP_BYTES = 6

/** A maker of pieces: `piece(offset)` is a buffer of that length, which the next call overwrites; offsets are multiples of a page. */
export function stampedPieces(length) {
  const piece = randomBytes(length)
  return offset => {
    for (let at = 0; at < length; at += PAGE) piece.writeUIntLE(offset + at, at, STAMP_BYTES)
    return piece
  }
}

/**
 * Offset of the first stamp that is wrong in a chunk that begins at `offset`; undefined when all are right. Looks at the first and the last stamp
 * of the chunk, and at some between them.
 */
export function wrongStamp(offset, chunk, looks = 8) {
  const first = Math.ceil(offset / PAGE) * PAGE
  const last = Math.floor((offset + chunk.length - STAMP_BYTES) / PAGE) * PAGE
  if (last < first) return undefined
  const step = Math.max(PAGE, Math.floor((last - first) / looks / PAGE) * PAGE)
  for (let at = first; at < last; at += step) {
    if (chunk.readUIntLE(at - offset, STAMP_BYTES) !== at) return at
  }
  return chunk.readUIntLE(last - offset, STAMP_BYTES) === last ? undefined : last
}
