/** Finds the lines of one genome in a config, so that a change of it need not read and write 10,000 others. */
import { byCodePoint } from '../domain/text-order.ts'

/** A config in three pieces. */
export interface GenomeBlock {
  readonly before: string
  /** The lines of the genome; empty when it is not there yet, and would be put here. */
  readonly block: string
  readonly after: string
}

// In quotes where it looks like a number.
const KEY = /^ {2}(['"]?)([0-9A-Za-z_-]+)\1:(?:\s|$)/
const HIGH = /^ {0,2}[^\s#]/
// A comment or an empty line that is no part of a genome.
const BETWEEN = /^ {0,2}(?:#|$)/

/**
 * The lines of a genome in a config of the form that the Python tools write: each genome begins with its key behind two blanks. Undefined for any
 * other form.
 */
export function genomeBlock(text: string, key: string): GenomeBlock | undefined {
  const lines = text.split('\n')
  const head = lines.indexOf('genomes:')
  if (head === -1 || text.includes('\t')) return undefined
  const below = lines.findIndex((line, i) => i > head && /^[^\s#]/.test(line))
  const end = below === -1 ? lines.length : below
  const keys: { readonly name: string; readonly line: number }[] = []
  for (let line = head + 1; line < end; line += 1) {
    if (!HIGH.test(lines[line] as string)) continue
    const name = KEY.exec(lines[line] as string)?.[2]
    if (name === undefined) return undefined
    keys.push({ name, line })
  }
  // Genomes that stand further in are no lines of this form.
  const first = lines.slice(head + 1, end).findIndex(line => !/^\s*(?:#|$)/.test(line))
  if (first !== -1 && keys[0]?.line !== head + 1 + first) return undefined
  const there = keys.findIndex(({ name }) => name === key)
  const from = keys[there]?.line ?? placeFor(lines, keys, key, head + 1, end)
  const to = there === -1 ? from : withoutComments(lines, from, keys[there + 1]?.line ?? end)
  const block = lines.slice(from, to)
  // Anchors may lead to lines elsewhere.
  if (block.some(line => /[&*]\w/.test(line))) return undefined
  return {
    before: `${lines.slice(0, from).join('\n')}\n`,
    block: block.map(line => `${line}\n`).join(''),
    after: lines.slice(to).join('\n'),
  }
}

/** Where a new genome goes: between the others when they are in order, else behind them. */
function placeFor(
  lines: readonly string[],
  keys: readonly { readonly name: string; readonly line: number }[],
  key: string,
  start: number,
  end: number,
): number {
  const isOrdered = keys.every(({ name }, i) => byCodePoint(keys[i - 1]?.name ?? '', name) < 0)
  const later = isOrdered ? keys.find(({ name }) => byCodePoint(name, key) > 0) : undefined
  // Comments in front of a genome are its own.
  return withoutComments(lines, start, later?.line ?? end)
}

/** The end of a piece without the comments and empty lines behind it that belong to what follows. */
function withoutComments(lines: readonly string[], from: number, to: number): number {
  let end = to
  while (end > from && BETWEEN.test(lines[end - 1] as string)) end -= 1
  return end
}
