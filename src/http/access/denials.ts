/** Tells from a request that found nothing whether it asked for something that its caller may not see. */
import type { Generation } from '../../archive/depot.ts'
import { type CatalogueEntry, entriesOf, registryPathOf } from '../../domain/catalogue.ts'
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
  const words = wordsOf(url)
  for (const word of words) {
    const entry = byDigest(generation, word)
    if (entry !== undefined && isHidden(generation, rights, entry)) return registryPathOf(entry)
    const denied = ofGenome(generation, rights, word, words)
    if (denied !== undefined) return denied
  }
  return undefined
}

function wordsOf(url: string): string[] {
  return url
    .split(/[/?&=]/)
    .filter(Boolean)
    .slice(0, MOST_WORDS)
    .map(decoded)
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
  rights: Rights,
  name: string,
  words: readonly string[],
): string | undefined {
  const genome = generation.catalogue.genome(name)
  if (genome === undefined) return undefined
  const entries = [...entriesOf(genome)]
  const named = entries.filter(({ asset }) =>
    words.some(word => word === asset.name || word.startsWith(`${asset.name}:`)),
  )
  const tagged = named.filter(({ tag }) =>
    words.some(word => word === tag.name || word.endsWith(`:${tag.name}`)),
  )
  const asked = [tagged, named].find(some => some.length > 0)
  const hidden = (entry: CatalogueEntry) => isHidden(generation, rights, entry)
  const denied = asked?.find(hidden)
  if (denied !== undefined) return registryPathOf(denied)
  return asked === undefined && entries.length > 0 && entries.every(hidden)
    ? genome.digest
    : undefined
}

function isHidden({ access }: Generation, rights: Rights, entry: CatalogueEntry): boolean {
  const studies = access.studiesOf(entry)
  if (studies === undefined) return false
  const { genome, asset, tag } = entry
  const names = {
    genome: [genome.digest, ...genome.aliases],
    asset: asset.name,
    tag: tag.name,
  }
  return !rights.mayRead(names, studies)
}
