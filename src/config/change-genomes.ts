/** Changes a few values below `genomes` of a config and leaves the rest of its text alone. */
import type { Document, Pair, YAMLMap } from 'yaml'
import { byCodePoint } from '../domain/text-order.ts'
import { genomeBlock } from './genome-block.ts'
import { formatGenomeConfig } from './write-genome-config.ts'
import { yamlDocuments } from './yaml-libraries.ts'

/** A value for a place below `genomes`, such as `[digest, 'assets', asset, 'default_tag']`. */
export interface GenomeChange {
  /** At least one key. */
  readonly path: readonly string[]
  /** A text, a list of texts or a map of them. */
  readonly value: unknown
}

/**
 * The text of a config with other values below `genomes`. Comments, unknown keys and their order stay; maps on the way are made. What
 * looks like a number or a date gets quotes, as everywhere below `genomes`.
 *
 * @param text - a config that has been checked (`rawConfigIn`)
 */
export function changedGenomes(text: string, changes: readonly GenomeChange[]): string {
  let changed = text
  for (const genome of new Set(changes.map(({ path: [key = ''] }) => key))) {
    const itsChanges = changes.filter(({ path: [key] }) => key === genome)
    const found = genomeBlock(changed, genome)
    if (found === undefined) {
      changed = changedText(changed, itsChanges)
    } else {
      // The others stay as they are, to the byte.
      const { before, block, after } = found
      changed = before + changedText(`${HEAD}${block}`, itsChanges).slice(HEAD.length) + after
    }
  }
  return changed
}

const HEAD = 'genomes:\n'

function changedText(text: string, changes: readonly GenomeChange[]): string {
  const { isMap, parseDocument, YAMLMap } = yamlDocuments()
  // All scalars are texts here, written as they stood: 0.40 stays 0.40. An empty value stays one.
  const document = parseDocument(text, { schema: 'failsafe', customTags: ['null'] }) as Document
  if (!isMap(document.contents)) document.contents = new YAMLMap() as never
  const root = document.contents as unknown as YAMLMap
  for (const { path, value } of changes) put(root, ['genomes', ...path], value)
  return document.toString({ lineWidth: 0, indentSeq: false, flowCollectionPadding: false })
}

function put(map: YAMLMap, [key = '', ...rest]: readonly string[], value: unknown): void {
  const { isMap } = yamlDocuments()
  const there = map.items.find(pair => nameOf(pair) === key)
  // `{}` on one line would keep all that comes into it on that line.
  map.flow = false
  if (rest.length > 0 && isMap(there?.value)) {
    put(there.value, rest, value)
    return
  }
  const made = pairOf(
    key,
    rest.reduceRight<unknown>((inner, name) => ({ [name]: inner }), value),
  )
  if (there !== undefined) there.value = made.value
  // The Python tools order keys: a new one goes where they would put it.
  else map.items.splice(placeFor(map, key), 0, made)
}

function placeFor({ items }: YAMLMap, key: string): number {
  const later = items.findIndex(pair => byCodePoint(nameOf(pair), key) > 0)
  const isOrdered = items.every((pair, i) => {
    const before = items[i - 1]
    return before === undefined || byCodePoint(nameOf(before), nameOf(pair)) < 0
  })
  return later === -1 || !isOrdered ? items.length : later
}

function nameOf({ key }: Pair): string {
  return String(key)
}

/** A key with its value, quoted where the Python tools would take a text for something else. */
function pairOf(key: string, value: unknown): Pair {
  if (key === 'genomes') return topPair(value)
  return (topPair({ [key]: value }).value as YAMLMap).items[0] as Pair
}

function topPair(genomes: unknown): Pair {
  const { parseDocument } = yamlDocuments()
  const text = formatGenomeConfig({ genomes: genomes as Record<string, never> })
  const document = parseDocument(text, { schema: 'failsafe', customTags: ['null'] })
  return (document.contents as unknown as YAMLMap).items[0] as Pair
}
