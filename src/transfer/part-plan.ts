/** The parts in which a file is fetched. */
import type { RemoteFile } from './remote-file.ts'

/** A part of a file. */
export interface Part {
  /** Its place among all parts, from 0; negative for pieces that are fetched beside them. */
  readonly number: number
  /** Bytes of the file: 0-based, half-open. */
  readonly start: number
  readonly end: number
  /** hex; undefined where nobody has told one. */
  readonly sha256?: string
}

/** Bytes of a part where the server names none. */
export const PART_SIZE = 4 * 1024 * 1024

// A part is held in memory until it was compared.
const MOST_PART_SIZE = 16 * 1024 * 1024

/** The parts of a file in order. Hashes of parts too large to be held are not used. */
export function partsOf({ size, parts }: RemoteFile): Part[] {
  const count = parts === undefined ? 0 : Math.ceil(size / parts.size)
  const known = parts !== undefined && parts.size <= MOST_PART_SIZE && parts.sha256.length === count
  const step = known ? parts.size : PART_SIZE
  return Array.from({ length: Math.ceil(size / step) }, (_, number) => ({
    number,
    start: number * step,
    end: Math.min(size, (number + 1) * step),
    ...(known && { sha256: parts.sha256[number] as string }),
  }))
}
