/**
 * The tags of a catalogue in the order in which lists show them, and which of them have a word.
 *
 * Names and descriptions are the same for many tags, so each text is kept once, with the rows that have it; a look for a word reads all texts as
 * one string. Digests are as many as there are tags: they are read only for a word that can be a part of one.
 */
import { type Catalogue, type CatalogueEntry, entriesOf } from './catalogue.ts'
import { type Genome, nameOf } from './genome.ts'
import { byCodePoint } from './text-order.ts'

/** Rows `start` (inclusive) to `end` (exclusive). */
export interface RowSpan {
  readonly start: number
  readonly end: number
}

const HEX = /^[0-9a-f]*$/

/** The rows of a catalogue; made once. */
export class SearchIndex {
  /** Ordered by genome name, asset and tag (code points). */
  readonly rows: readonly CatalogueEntry[]
  readonly #ofGenome = new Map<Genome, RowSpan>()
  readonly #ofAssetIn = new Map<Genome, Map<string, RowSpan>>()
  readonly #ofAsset = new Map<string, number[]>()
  readonly #names: TextRows
  readonly #digests: TextRows

  constructor(catalogue: Catalogue) {
    const names = new Map<string, RowSpan[]>()
    const digests = new Map<string, RowSpan[]>()
    const note = (text: string, span: RowSpan) => {
      const kept = HEX.test(text) ? digests : names
      const spans = kept.get(text)
      if (spans === undefined) kept.set(text, [span])
      else spans.push(span)
    }
    const rows: CatalogueEntry[] = []
    const genomes = [...catalogue.genomes].sort(
      (a, b) => byCodePoint(nameOf(a), nameOf(b)) || byCodePoint(a.digest, b.digest),
    )
    for (const genome of genomes) {
      const start = rows.length
      for (const entry of [...entriesOf(genome)].sort(byNames)) {
        const row = rows.push(entry) - 1
        this.#take(entry, row)
        for (const text of textsOf(entry)) note(text, { start: row, end: row + 1 })
      }
      const span = { start, end: rows.length }
      this.#ofGenome.set(genome, span)
      for (const text of textsOfGenome(genome)) note(text, span)
    }
    this.rows = rows
    this.#names = new TextRows(names)
    this.#digests = new TextRows(digests)
  }

  /** Rows of a genome, or of one asset of it. */
  rowsOf(genome: Genome, asset?: string): RowSpan {
    const span =
      asset === undefined ? this.#ofGenome.get(genome) : this.#ofAssetIn.get(genome)?.get(asset)
    return span ?? { start: 0, end: 0 }
  }

  /** Rows of the assets of a name, of all genomes. */
  rowsNamed(asset: string): readonly number[] {
    return this.#ofAsset.get(asset) ?? []
  }

  /**
   * Rows that have a word in one of their texts, in order.
   *
   * @param word - in small letters, without spaces, not empty
   */
  rowsWith(word: string): readonly number[] {
    const spans = this.#names.with(word)
    if (HEX.test(word)) spans.push(...this.#digests.with(word))
    const rows = new Set<number>()
    for (const { start, end } of spans) for (let row = start; row < end; row += 1) rows.add(row)
    return [...rows].sort((a, b) => a - b)
  }

  #take({ genome, asset }: CatalogueEntry, row: number): void {
    const named = this.#ofAsset.get(asset.name)
    if (named === undefined) this.#ofAsset.set(asset.name, [row])
    else named.push(row)
    let assets = this.#ofAssetIn.get(genome)
    if (assets === undefined) {
      assets = new Map()
      this.#ofAssetIn.set(genome, assets)
    }
    assets.set(asset.name, { start: assets.get(asset.name)?.start ?? row, end: row + 1 })
  }
}

/** Texts as one string, with the rows that have each of them. */
class TextRows {
  readonly #all: string
  /** Where each text begins in the string. */
  readonly #starts: Int32Array
  /** Where the spans of each text begin; one more at the end. */
  readonly #firsts: Int32Array
  /** Start and end of all spans, one behind the other. */
  readonly #bounds: Int32Array

  constructor(texts: ReadonlyMap<string, readonly RowSpan[]>) {
    this.#starts = new Int32Array(texts.size)
    this.#firsts = new Int32Array(texts.size + 1)
    const bounds: number[] = []
    let length = 0
    let text = 0
    for (const [value, spans] of texts) {
      this.#starts[text] = length
      length += value.length + 1
      for (const { start, end } of spans) bounds.push(start, end)
      text += 1
      this.#firsts[text] = bounds.length
    }
    this.#bounds = Int32Array.from(bounds)
    // No word holds a line end, so none is found across two texts.
    this.#all = [...texts.keys(), ''].join('\n')
  }

  with(word: string): RowSpan[] {
    const found: RowSpan[] = []
    let at = this.#all.indexOf(word)
    while (at !== -1) {
      const text = this.#textAt(at)
      const behind = this.#firsts[text + 1] as number
      for (let i = this.#firsts[text] as number; i < behind; i += 2) {
        found.push({ start: this.#bounds[i] as number, end: this.#bounds[i + 1] as number })
      }
      // One hit in a text is enough.
      const next = this.#starts[text + 1]
      at = next === undefined ? -1 : this.#all.indexOf(word, next)
    }
    return found
  }

  /** Number of the text that a place of the string is in. */
  #textAt(place: number): number {
    let low = 0
    let high = this.#starts.length
    while (high - low > 1) {
      const middle = (low + high) >> 1
      if ((this.#starts[middle] as number) <= place) low = middle
      else high = middle
    }
    return low
  }
}

function byNames(a: CatalogueEntry, b: CatalogueEntry): number {
  return byCodePoint(a.asset.name, b.asset.name) || byCodePoint(a.tag.name, b.tag.name)
}

function textsOfGenome({ aliases, digest, description = '' }: Genome): Set<string> {
  return lowered([...aliases, digest, description])
}

function textsOf({ asset, tag }: CatalogueEntry): Set<string> {
  const { name, description = '' } = asset
  return lowered([name, description, tag.name, tag.description, tag.archiveDigest, tag.assetDigest])
}

function lowered(texts: readonly string[]): Set<string> {
  return new Set(texts.filter(text => text !== '').map(text => text.toLowerCase()))
}
