/** Tells from a request that found nothing whether it asked for something that its caller may not see. */
import type { Generation } from '../../archive/depot.ts'
import { type CatalogueEntry, entriesOf, registryPathOf } from '../../domain/catalogue.ts'
import { defaultTagOf } from '../../domain/genome.ts'
import type { Rights } from '../../domain/rights.ts'

// Further words of a path are no names of anything.
const MOST_WORDS = 12

/**
 * What was denied: a registry path, or the digest of a genome. Undefined when nothing hidden was asked for.
 *
 * It looks at the words of the URL alone, so that it holds for every face, also for those to come: the name or digest of a genome, with an
 * asset of it in another word; the digest of an archive, of an asset, of a file.
 */
export function deniedSubject(
  generation: Generation,
  rights: Rights,
  url: string,
): string | undefined {
  return subjectOf(generation, url, entry => !generation.access.mayRead(rights, entry))
}

/** What of the controlled was shown; undefined when nothing controlled is named in the URL. */
export function seenSubject(generation: Generation, url: string): string | undefined {
  return subjectOf(generation, url, entry => generation.access.isControlled(entry))
}

type Counts = (entry: CatalogueEntry) => boolean

function subjectOf(generation: Generation, url: string, counts: Counts): string | undefined {
  const words = wordsOf(url)
  for (const word of words) {
    const entry = byDigest(generation, word)
    if (entry !== undefined && counts(entry)) return registryPathOf(entry)
    const found = ofGenome(generation, counts, word, words)
    if (found !== undefined) return found
  }
  return undefined
}

function wordsOf(url: string): string[] {
  return url
    .split(/[/?&=]/)
    .filter(Boolean)
    .slice(0, MOST_WORDS)
    .map(decoded)
    .map(word => word.replace(/\.meta4$/, ''))
}

function decoded(word: string): string {
  try {
    return decodeURIComponent(word)
  } catch {
    return word
  }
}

function byDigest({ catalogue, folder }: Generation, word: string): CatalogueEntry | undefined {
  const known = catalogue.archive(word) ?? catalogue.byAssetDigest(word)
  if (known !== undefined) return known
  const [found] = [...folder.contents.archives(word), ...folder.contents.files(word)]
  return found && catalogue.entry(found.genome, found.asset, found.tag)
}

function ofGenome(
  generation: Generation,
  counts: Counts,
  name: string,
  words: readonly string[],
): string | undefined {
  const genome = generation.catalogue.genome(name)
  if (genome === undefined) return undefined
  const entries = [...entriesOf(genome)]
  const named = entries.filter(({ asset }) =>
    words.some(word => word === asset.name || word.startsWith(`${asset.name}:`)),
  )
  if (named.length === 0) {
    return entries.length > 0 && entries.every(counts) ? genome.digest : undefined
  }
  const tagged = named.filter(({ tag }) =>
    words.some(word => word === tag.name || word.endsWith(`:${tag.name}`)),
  )
  // Without a tag the default one was meant.
  const asked =
    tagged.length > 0 ? tagged : named.filter(({ asset, tag }) => tag.name === defaultTagOf(asset))
  const found = asked.find(counts)
  return found && registryPathOf(found)
}
