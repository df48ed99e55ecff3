/** The JSON values of the refgenie APIs, made of the catalogue. */
import { type Catalogue, entriesOf } from '../domain/catalogue.ts'
import { type Asset, defaultTagOf, type Genome, nameOf, type Tag } from '../domain/genome.ts'
import { byCodePoint } from '../domain/text-order.ts'

/** The Tag object of API v3: exactly these keys in this order; what the config lacks is empty, since clients want texts. */
export function tagObject(tag: Tag): object {
  return {
    asset_path: tag.assetPath,
    asset_digest: tag.assetDigest,
    archive_digest: tag.archiveDigest,
    asset_size: tag.assetSize,
    archive_size: tag.archiveSize,
    seek_keys: tag.seekKeys,
    asset_parents: tag.parents,
    asset_children: tag.children,
  }
}

/** Attributes of a genome; never `assets` or `aliases`: the client would overwrite its own with them. */
export function genomeAttributes(genome: Genome): object {
  return {
    ...(genome.description !== undefined && { genome_description: genome.description }),
    ...(genome.legacyDigest !== undefined && { genome_digest: genome.legacyDigest }),
  }
}

/** Digest → aliases; a genome without alias is left out: the client reads the first alias of each. */
export function aliasDict(catalogue: Catalogue): Record<string, readonly string[]> {
  const named = catalogue.genomes.filter(genome => genome.aliases.length > 0)
  return Object.fromEntries(named.map(genome => [genome.digest, genome.aliases]))
}

/**
 * Key of each genome → its assets, in digest order.
 *
 * @param key - names the genome; undefined leaves it out
 * @param seekKeys - true for `asset.seek_key:tag`, false for plain names
 */
export function assetList(
  catalogue: Catalogue,
  key: (genome: Genome) => string | undefined,
  seekKeys: boolean,
): Record<string, string[]> {
  const list: Record<string, string[]> = {}
  for (const genome of [...catalogue.genomes].sort((a, b) => byCodePoint(a.digest, b.digest))) {
    const name = key(genome)
    if (name === undefined) continue
    list[name] = seekKeys ? seekKeyNames(genome) : [...genome.assets.keys()].sort(byCodePoint)
  }
  return list
}

function seekKeyNames(genome: Genome): string[] {
  const names = [...entriesOf(genome)].flatMap(({ asset, tag }) =>
    Object.keys(tag.seekKeys).map(key =>
      key === asset.name ? `${key}:${tag.name}` : `${asset.name}.${key}:${tag.name}`,
    ),
  )
  return names.sort(byCodePoint)
}

/** First aliases of the genomes that have an asset, sorted. */
export function genomesWith(catalogue: Catalogue, asset: string): string[] {
  return catalogue.genomesWith(asset).map(nameOf).sort(byCodePoint)
}

/** Everything of every genome: what `refgenie listr` lives on. */
export function genomesDict(catalogue: Catalogue): object {
  return Object.fromEntries(
    catalogue.genomes.map(genome => [
      genome.digest,
      {
        genome_description: genome.description ?? '',
        assets: Object.fromEntries(
          [...genome.assets].map(([name, asset]) => [name, assetOf(asset)]),
        ),
        aliases: genome.aliases,
      },
    ]),
  )
}

function assetOf(asset: Asset): object {
  return {
    asset_description: asset.description ?? '',
    tags: Object.fromEntries([...asset.tags].map(([name, tag]) => [name, tagObject(tag)])),
    default_tag: defaultTagOf(asset),
  }
}

/**
 * Attributes of a tag as API v2 gives them: all keys in config order, the legacy digest in the place of the archive digest, and
 * the digest of the genome replaced by a name in every text.
 *
 * @param alias - the name to put in
 * @param digest - md5 of the archive with names of this alias
 */
export function legacyAttributes(
  genome: Genome,
  tag: Tag,
  alias: string,
  digest: string,
): Record<string, unknown> {
  const { legacy_archive_digest: legacy, ...rest } = tag.attributes
  const attributes = typeof legacy === 'string' ? { ...rest, archive_digest: digest } : rest
  const inText = JSON.stringify(alias).slice(1, -1)
  return JSON.parse(JSON.stringify(attributes).replaceAll(genome.digest, inText))
}
