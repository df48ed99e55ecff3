/** Reads the `Range` header (RFC 9110 §14.2). */
import type { ByteRange } from '../storage/store.ts'

/** What a Range header means for a representation. */
export type RangeRequest =
  | { readonly kind: 'whole' }
  | { readonly kind: 'unsatisfiable' }
  | { readonly kind: 'ranges'; readonly ranges: readonly ByteRange[] }

// RFC 9110 §14.2 lets a server refuse "an excessive request of small or overlapping ranges"; browsers and aligners ask for few.
const MOST_RANGES = 100

/**
 * The ranges a header asks for, clipped to the size, in order, overlapping ones merged (as the peer does).
 * A header that is no byte range is ignored, as the RFC demands; the peer answers 400.
 *
 * @param size - bytes of the whole representation
 */
export function parseRange(header: string | undefined, size: number): RangeRequest {
  const list = /^\s*bytes\s*=(.*)$/is.exec(header ?? '')?.[1]
  if (list === undefined) return { kind: 'whole' }
  const parts = list.split(',').map(part => part.trim())
  const specs = parts.filter(part => part !== '')
  if (specs.length === 0) return { kind: 'whole' }
  if (specs.length > MOST_RANGES) return { kind: 'unsatisfiable' }
  const ranges: ByteRange[] = []
  for (const spec of specs) {
    const match = /^(\d*)-(\d*)$/.exec(spec)
    if (match === null || spec === '-') return { kind: 'whole' }
    const [, first = '', last = ''] = match
    if (first !== '' && last !== '' && Number(first) > Number(last)) return { kind: 'whole' }
    const range = first === '' ? suffix(Number(last), size) : from(Number(first), last, size)
    if (range.start < range.end) ranges.push(range)
  }
  return ranges.length === 0 ? { kind: 'unsatisfiable' } : { kind: 'ranges', ranges: merge(ranges) }
}

function suffix(length: number, size: number): ByteRange {
  return { start: Math.max(0, size - length), end: size }
}

function from(start: number, last: string, size: number): ByteRange {
  return { start, end: last === '' ? size : Math.min(Number(last) + 1, size) }
}

function merge(ranges: ByteRange[]): ByteRange[] {
  const merged: ByteRange[] = []
  for (const range of ranges.sort((a, b) => a.start - b.start)) {
    const last = merged.at(-1)
    if (last === undefined || range.start > last.end) merged.push(range)
    else merged[merged.length - 1] = { start: last.start, end: Math.max(last.end, range.end) }
  }
  return merged
}
