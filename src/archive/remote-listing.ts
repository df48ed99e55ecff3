/** What another server (refdepot or refgenieserver) lists: a config, and where the files of its tags are, by the keys of a published store. */
import type { RawConfig, RawTag } from '../config/genome-config-schema.ts'
import { rawConfigIn } from '../config/raw-config.ts'
import { isMd5 } from '../domain/digest.ts'
import { inParallel } from '../domain/in-parallel.ts'
import { INDEX_SUFFIX } from './member-index.ts'

/** What is listed there at a moment. */
export interface RemoteListing {
  readonly config: RawConfig
  /** Key in a published store → URL there; it may answer 404 for what is beside an archive. */
  readonly urls: ReadonlyMap<string, string>
}

/**
 * Digests of alias-named archives, by name and md5 of the stored one (`legacyKey`): they never change for an archive. What is asked for is added.
 */
export type LegacyDigests = Map<string, string>

/** How a server is asked. */
export interface ListingOptions {
  /** A whole small answer; undefined for 404. */
  readonly contentAt: (url: string) => Promise<Buffer | undefined>
  readonly legacy: LegacyDigests
}

interface TagNames {
  readonly genome: string
  readonly alias: string
  readonly asset: string
  readonly tag: string
}

const PARALLEL = 8

/**
 * Name of a tag and its archive among {@link LegacyDigests}.
 *
 * @param alias - the first one of the genome, which names the files of the alias-named archive
 */
export function legacyKey({ genome, alias, asset, tag }: TagNames, md5: string): string {
  return `${genome}/${alias}/${asset}:${tag} ${md5}`
}

/**
 * Asks a server for everything it lists; undefined when it has no list of genomes.
 *
 * @param base - its address, where `/v3/…` lies below, without a slash at the end
 * @throws ConfigInvalid when the list cannot be understood, and what `contentAt` throws
 */
export async function readListing(
  base: string,
  options: ListingOptions,
): Promise<RemoteListing | undefined> {
  const url = `${base}/_private_api/genomes/dict`
  const text = (await options.contentAt(url))?.toString('utf8')
  if (text === undefined) return undefined
  const config: RawConfig = { ...rawConfigIn(`{"genomes": ${text}}`, url), config_version: '0.4' }
  const urls = new Map<string, string>()
  const tags = [...tagsIn(config)]
  await inParallel(tags, PARALLEL, ([names, tag]) => addTag(urls, { base, names, tag, options }))
  return { config, urls }
}

function* tagsIn(config: RawConfig): Generator<[TagNames, RawTag]> {
  for (const [genome, { aliases, assets }] of named(config.genomes)) {
    for (const [asset, { tags }] of named(assets)) {
      for (const [tag, attributes] of named(tags)) {
        yield [{ genome, alias: aliases?.[0] ?? genome, asset, tag }, attributes]
      }
    }
  }
}

/** The entries of a map that have a value. */
function named<T>(map: Readonly<Record<string, T | null>> | null | undefined): [string, T][] {
  return Object.entries(map ?? {}).filter((entry): entry is [string, T & {}] => entry[1] !== null)
}

interface AskedTag {
  readonly base: string
  readonly names: TagNames
  readonly tag: RawTag
  readonly options: ListingOptions
}

/** Adds where the files of a tag are, and to the tag the digest of its alias-named archive. */
async function addTag(
  urls: Map<string, string>,
  { base, names, tag, options }: AskedTag,
): Promise<void> {
  const md5 = tag.archive_digest ?? ''
  if (!isMd5(md5)) return
  const name = `${names.asset}__${names.tag}`
  const [genome, alias, asset] = [names.genome, names.alias, names.asset].map(encodeURIComponent)
  const query = `?tag=${encodeURIComponent(names.tag)}`
  const v3 = (what: string) => `${base}/v3/assets/${what}/${genome}/${asset}${query}`
  urls.set(`archives/${md5}/${name}.tgz`, v3('archive'))
  urls.set(`archives/${md5}/${name}.tgz${INDEX_SUFFIX}`, `${base}/archives/${md5}/index`)
  urls.set(`archives/${md5}/build_log_${name}.md`, v3('log'))
  urls.set(`archives/${md5}/build_recipe_${name}.json`, v3('recipe'))
  urls.set(`archives/${md5}/asset_dir_contents_${name}.json`, v3('dir_contents'))
  const v2 = `${base}/v2/asset/${alias}/${asset}`
  const key = legacyKey(names, md5)
  const legacy = await legacyDigest(key, `${v2}${query}`, md5, options)
  if (legacy === md5) return
  tag.legacy_archive_digest = legacy
  urls.set(`archives/${legacy}/${name}.tgz`, `${v2}/archive${query}`)
}

/** The digest that API v2 names; the one of the stored archive when it names none. */
async function legacyDigest(
  key: string,
  url: string,
  md5: string,
  { contentAt, legacy }: ListingOptions,
): Promise<string> {
  const known = legacy.get(key)
  if (known !== undefined) return known
  const text = await contentAt(url)
  const said = text === undefined ? undefined : JSON.parse(text.toString('utf8')).archive_digest
  const digest = typeof said === 'string' && isMd5(said) ? said : md5
  legacy.set(key, digest)
  return digest
}
