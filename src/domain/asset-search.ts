/** Finding assets in a catalogue: filters, words and pages, in a fixed order. */
import { type Catalogue, type CatalogueEntry, entriesOf } from './catalogue.ts'
import { nameOf } from './genome.ts'
import { byCodePoint } from './text-order.ts'

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

// One index a catalogue: sorting and lower-casing a large catalogue must not be paid on each request.
const indexes = new WeakMap<Catalogue, readonly SearchRow[]>()

interface SearchRow {
  readonly entry: CatalogueEntry
  readonly text: string
}

/** One page of the tags that match, ordered by genome name, asset and tag (code points). */
export function searchAssets(catalogue: Catalogue, query: AssetQuery): Page<CatalogueEntry> {
  const genome = query.genome === undefined ? undefined : catalogue.genome(query.genome)
  const words = (query.q ?? '').toLowerCase().split(/\s+/).filter(Boolean)
  const matches = rowsOf(catalogue).filter(
    ({ entry, text }) =>
      (query.genome === undefined || entry.genome === genome) &&
      (query.asset === undefined || entry.asset.name === query.asset) &&
      words.every(word => text.includes(word)),
  )
  return {
    items: matches.slice(query.offset, query.offset + query.limit).map(row => row.entry),
    total: matches.length,
    offset: query.offset,
    limit: query.limit,
  }
}

function rowsOf(catalogue: Catalogue): readonly SearchRow[] {
  const known = indexes.get(catalogue)
  if (known !== undefined) return known
  const rows = [...catalogue.genomes]
    .sort((a, b) => byCodePoint(nameOf(a), nameOf(b)) || byCodePoint(a.digest, b.digest))
    .flatMap(genome => [...entriesOf(genome)].sort(byNames))
    .map(entry => ({ entry, text: searchText(entry) }))
  indexes.set(catalogue, rows)
  return rows
}

function byNames(a: CatalogueEntry, b: CatalogueEntry): number {
  return byCodePoint(a.asset.name, b.asset.name) || byCodePoint(a.tag.name, b.tag.name)
}

function searchText({ genome, asset, tag }: CatalogueEntry): string {
  const parts = [
    ...genome.aliases,
    genome.digest,
    genome.description ?? '',
    asset.name,
    asset.description ?? '',
    tag.name,
    tag.description,
    tag.archiveDigest,
    tag.assetDigest,
  ]
  return parts.join('\n').toLowerCase()
}
