/** Patterns over registry paths, as scopes and policies use them: `hg38/*`, `hg38/fasta`, `hg??/bwa_index:default`. */

/** The names a tag goes by: its genome has several. */
export interface TagNames {
  /** Digest and aliases of the genome. */
  readonly genome: readonly string[]
  readonly asset: string
  readonly tag: string
}

/** A pattern that was read; see {@link parsePathPattern}. */
export interface PathPattern {
  /** As it was written. */
  readonly text: string
  /** True when the pattern covers the tag under any name of its genome. */
  matches(names: TagNames): boolean
}

// A pattern longer than this names nothing that exists; matching it must not cost anything.
const LONGEST = 512

/**
 * Reads `genome[/asset[:tag]]`, each part with `*` (any characters) and `?` (one character); a part that is left out means all.
 * Undefined when the text is no pattern.
 */
export function parsePathPattern(text: string): PathPattern | undefined {
  const match = /^([^\s/:]+)(?:\/([^\s/:]+)(?::([^\s/:]+))?)?$/.exec(text)
  if (match === null || text.length > LONGEST) return undefined
  const [genome, asset, tag] = match.slice(1).map(wildcard) as [Part, Part, Part]
  return {
    text,
    matches: names => names.genome.some(genome) && asset(names.asset) && tag(names.tag),
  }
}

type Part = (name: string) => boolean

/** Without regular expressions: stars in a row must not make matching slow. */
function wildcard(pattern = '*'): Part {
  if (pattern === '*') return () => true
  if (!/[*?]/.test(pattern)) return name => name === pattern
  const pieces = pattern.split('*')
  return name => matchesPieces(pieces, name)
}

/** The pieces between stars, each at the first place where it fits: first and last piece are fixed to the ends. */
function matchesPieces(pieces: readonly string[], name: string): boolean {
  const [first = '', ...others] = pieces
  if (!fitsAt(first, name, 0)) return false
  if (others.length === 0) return name.length === first.length
  const last = others.pop() as string
  let at = first.length
  for (const piece of others) {
    while (at + piece.length <= name.length && !fitsAt(piece, name, at)) at += 1
    at += piece.length
  }
  const end = name.length - last.length
  return end >= at && fitsAt(last, name, end)
}

function fitsAt(piece: string, name: string, at: number): boolean {
  if (at + piece.length > name.length) return false
  for (let i = 0; i < piece.length; i += 1) {
    if (piece[i] !== '?' && piece[i] !== name[at + i]) return false
  }
  return true
}
