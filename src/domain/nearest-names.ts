/** Names that somebody may have meant. */
import { byCodePoint } from './text-order.ts'

// Longer names are compared by their begin only: the work grows with the product of the lengths.
const MOST_LENGTH = 64

/**
 * The names nearest to one that is not there, best first: the same with other letters of case, with it in them, or with few letters changed or swapped.
 *
 * @param most - number of names to answer
 */
export function nearestNames(asked: string, names: Iterable<string>, most = 3): string[] {
  const wanted = asked.toLowerCase().slice(0, MOST_LENGTH)
  const allowed = Math.max(1, Math.floor(wanted.length / 3))
  const found: { readonly name: string; readonly distance: number }[] = []
  for (const name of new Set(names)) {
    const distance = distanceOf(wanted, name.toLowerCase().slice(0, MOST_LENGTH), allowed)
    if (distance <= allowed) found.push({ name, distance })
  }
  found.sort((a, b) => a.distance - b.distance || byCodePoint(a.name, b.name))
  return found.slice(0, most).map(({ name }) => name)
}

/** What to add to a message that a name is not there; empty when nothing is near. */
export function didYouMean(asked: string, names: Iterable<string>): string {
  const near = nearestNames(asked, names)
  return near.length === 0 ? '' : `; did you mean ${near.join(' or ')}?`
}

function distanceOf(wanted: string, name: string, allowed: number): number {
  if (wanted !== '' && name !== '' && (name.includes(wanted) || wanted.includes(name))) {
    return name === wanted ? 0 : 1
  }
  if (Math.abs(name.length - wanted.length) > allowed) return Number.POSITIVE_INFINITY
  return editDistance(wanted, name)
}

/** Letters to insert, delete, change, or swap with the next one (optimal string alignment). */
function editDistance(a: string, b: string): number {
  let before: number[] = []
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i]
    for (let j = 1; j <= b.length; j += 1) {
      const change = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1)
      const isSwap = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      const swap = isSwap ? (before[j - 2] as number) + 1 : change
      next.push(Math.min(change, swap, (row[j] as number) + 1, (next[j - 1] as number) + 1))
    }
    before = row
    row = next
  }
  return row[b.length] as number
}
