/** Which bytes of something have been seen: sorted intervals that do not touch each other. */

/** Bytes from `start` up to, but not with, `end`. */
export type Interval = readonly [start: number, end: number]

// A client that asks for more holes than this is no download; the shortest pieces are forgotten, so that nothing is claimed too early.
const MOST_INTERVALS = 1000

/** All bytes of all these intervals, whatever their order; empty ones do no harm. */
export function mergedIntervals(intervals: readonly Interval[]): Interval[] {
  const merged: [number, number][] = []
  const sorted = intervals.filter(([start, end]) => start < end).sort(([a], [b]) => a - b)
  for (const [start, end] of sorted) {
    const last = merged.at(-1)
    if (last !== undefined && start <= last[1]) last[1] = Math.max(last[1], end)
    else merged.push([start, end])
  }
  return merged.length > MOST_INTERVALS ? longest(merged) : merged
}

/** True when merged intervals are all of `size` bytes. */
export function coversAll(merged: readonly Interval[], size: number): boolean {
  const [first, ...more] = merged
  return first !== undefined && more.length === 0 && first[0] === 0 && first[1] >= size
}

function longest(merged: readonly Interval[]): Interval[] {
  return [...merged]
    .sort(([a, b], [c, d]) => d - c - (b - a))
    .slice(0, MOST_INTERVALS)
    .sort(([a], [b]) => a - b)
}
