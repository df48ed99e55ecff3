/** Finding assets in a catalogue: filters, words and pages, in a fixed order. */
import type { Catalogue, CatalogueEntry } from './catalogue.ts'
import type { Genome } from './genome.ts'
import { type RowSpan, SearchIndex } from './search-index.ts'

/** What to look for; everything is optional and must hold together. */
export interface AssetQuery {
  /** Words that must all occur in a name, alias, digest or description; case does not matter. */
  readonly q?: string
  /** Alias or digest of a genome. */
  readonly genome?: string
  /** Name of an asset. */
  readonly asset?: string
  /** Number of entries to leave out first. */
  readonly offset: number
  /** Largest number of entries to answer. */
  readonly limit: number
}

/** One page of a longer list. */
export interface Page<T> {
  readonly items: readonly T[]
  /** Length of the whole list. */
  readonly total: number
  readonly offset: number
  readonly limit: number
}

// One index a catalogue, with the rows of the last questions: whoever reads a list page by page asks the same one again.
const indexes = new WeakMap<Catalogue, Known>()
const MOST_QUESTIONS = 16

interface Known {
  readonly index: SearchIndex
  /** The last one at the end. */
  readonly asked: Map<string, readonly number[]>
}

/** One page of the tags that match, ordered by genome name, asset and tag (code points). */
export function searchAssets(catalogue: Catalogue, query: AssetQuery): Page<CatalogueEntry> {
  const { offset, limit } = query
  const known = knownOf(catalogue)
  const { rows } = known.index
  const found = rowsFor(catalogue, known, query)
  if (!('start' in found)) {
    const items = found.slice(offset, offset + limit).map(row => rows[row] as CatalogueEntry)
    return { items, total: found.length, offset, limit }
  }
  const { start, end } = found
  const items = rows.slice(Math.min(start + offset, end), Math.min(start + offset + limit, end))
  return { items, total: end - start, offset, limit }
}

function rowsFor(
  catalogue: Catalogue,
  { index, asked }: Known,
  query: AssetQuery,
): RowSpan | readonly number[] {
  const { asset } = query
  const genome = query.genome === undefined ? undefined : catalogue.genome(query.genome)
  if (query.genome !== undefined && genome === undefined) return []
  const words = (query.q ?? '').toLowerCase().split(/\s+/).filter(Boolean)
  if (words.length > 0) {
    const name = JSON.stringify([genome?.digest, asset, ...words])
    const rows = asked.get(name) ?? rowsWithWords(index, words, { genome, asset })
    asked.delete(name)
    asked.set(name, rows)
    const [oldest] = asked.keys()
    if (asked.size > MOST_QUESTIONS) asked.delete(oldest as string)
    return rows
  }
  if (genome !== undefined) return index.rowsOf(genome, asset)
  return asset === undefined ? { start: 0, end: index.rows.length } : index.rowsNamed(asset)
}

function rowsWithWords(
  index: SearchIndex,
  words: readonly string[],
  only: { readonly genome: Genome | undefined; readonly asset: string | undefined },
): readonly number[] {
  const [first, ...others] = words.map(word => index.rowsWith(word))
  const sets = others.map(rows => new Set(rows))
  return (first as readonly number[]).filter(row => {
    const { genome, asset } = index.rows[row] as CatalogueEntry
    if (only.genome !== undefined && genome !== only.genome) return false
    if (only.asset !== undefined && asset.name !== only.asset) return false
    return sets.every(set => set.has(row))
  })
}

function knownOf(catalogue: Catalogue): Known {
  const known = indexes.get(catalogue)
  if (known !== undefined) return known
  const made = { index: new SearchIndex(catalogue), asked: new Map() }
  indexes.set(catalogue, made)
  return made
}
