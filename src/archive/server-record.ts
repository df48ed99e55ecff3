/**
 * Writes what was archived into the server config, as refgenieserver does (reference §2.2): a copy of the source config with the digests
 * and sizes of archives, so that either server can serve the folder.
 */
import type { RawAsset, RawConfig, RawGenome, RawTag } from '../config/genome-config-schema.ts'
import { formatSize } from '../domain/human-size.ts'
import { PROVENANCE_KEYS } from '../domain/provenance.ts'
import { byCodePoint } from '../domain/text-order.ts'

/** Names a tag in a config. */
export interface TagName {
  readonly genome: string
  readonly asset: string
  readonly tag: string
}

/** What the archiver knows of an archived tag. */
export interface ArchivedTag extends TagName {
  /** md5 of the archive, and of the one with names of the first alias. */
  readonly archiveDigest: string
  readonly legacyDigest?: string
  /** Bytes of the archive and of its files. */
  readonly archiveSize: number
  readonly assetSize: number
  readonly assetDigest: string
}

// What the peer writes where the source has nothing.
const NO_DESCRIPTION = 'No description'
const DEFAULT_TAG = 'default'

/** The genome, asset and tag of a config by name; undefined when one of them is not there. */
export function findTag(config: RawConfig, { genome, asset, tag }: TagName): RawTag | undefined {
  return config.genomes?.[genome]?.assets?.[asset]?.tags?.[tag] ?? undefined
}

/** Takes an archived tag over from the source config into the server config. */
export function recordArchive(target: RawConfig, source: RawConfig, archived: ArchivedTag): void {
  const { genome: digest, asset: name, tag } = archived
  const from = source.genomes?.[digest] ?? {}
  const fromAsset = from.assets?.[name] ?? {}
  const fromTag = fromAsset.tags?.[tag] ?? {}
  const genome = genomeIn(target, digest)
  copySaid(genome, from)
  genome.aliases = [...(from.aliases ?? [])]
  genome.genome_description = from.genome_description ?? genome.genome_description ?? NO_DESCRIPTION
  const asset = assetIn(genome, name)
  copySaid(asset, fromAsset)
  asset.asset_description = fromAsset.asset_description ?? NO_DESCRIPTION
  asset.default_tag = fromAsset.default_tag ?? DEFAULT_TAG
  asset.tags ??= {}
  const children = asset.tags[tag]?.asset_children ?? []
  const kept: RawTag = {}
  copySaid(kept, asset.tags[tag])
  copySaid(kept, fromTag)
  const { withdrawn } = asset.tags[tag] ?? {}
  asset.tags[tag] = {
    ...fromTag,
    ...kept,
    ...(withdrawn != null && { withdrawn }),
    asset_children: [...new Set([...(fromTag.asset_children ?? []), ...children])].sort(
      byCodePoint,
    ),
    asset_parents: [...(fromTag.asset_parents ?? [])],
    asset_digest: archived.assetDigest,
    archive_digest: archived.archiveDigest,
    archive_size: formatSize(archived.archiveSize),
    asset_size: formatSize(archived.assetSize),
    ...(archived.legacyDigest !== undefined && { legacy_archive_digest: archived.legacyDigest }),
  }
  for (const parent of fromTag.asset_parents ?? []) {
    const named = tagNamed(parent)
    const parentTag = named && findTag(target, named)
    if (parentTag === undefined) continue
    const own = `${digest}/${name}:${tag}`
    const relatives = new Set([...(parentTag.asset_children ?? []), own])
    parentTag.asset_children = [...relatives].sort(byCodePoint)
  }
}

/** How a tag is taken over into what is published. */
export interface PublishedRecord extends TagName {
  /** True when the archive that is published stays: it has the same files. */
  readonly keepsArchive: boolean
  /** ISO time, for a tag that is published for the first time. */
  readonly now: string
}

/**
 * Takes an archived tag over from one server config into another one, with what its genome and asset say; one that is not there is left. When
 * it was published and whether it is withdrawn is known by the published config alone.
 */
export function recordPublished(
  target: RawConfig,
  source: RawConfig,
  { keepsArchive, now, ...name }: PublishedRecord,
): void {
  const fromTag = findTag(source, name)
  if (fromTag === undefined) return
  const { published_at: _published, withdrawn: _withdrawn, ...own } = structuredClone(fromTag)
  const before = findTag(target, name)
  const life = before?.archive_digest === undefined ? { published_at: now } : lifeOf(before)
  const { assets: _assets, ...ofGenome } = genomeIn(source, name.genome)
  const { tags: _tags, ...ofAsset } = assetIn(genomeIn(source, name.genome), name.asset)
  const genome = genomeIn(target, name.genome)
  Object.assign(genome, structuredClone(ofGenome))
  const asset = assetIn(genome, name.asset)
  Object.assign(asset, structuredClone(ofAsset))
  const archive = keepsArchive && before !== undefined ? archiveOf(before) : {}
  asset.tags = { ...asset.tags, [name.tag]: { ...own, ...archive, ...life } }
}

function lifeOf({ published_at, withdrawn }: RawTag): RawTag {
  return {
    ...(published_at !== undefined && { published_at }),
    ...(withdrawn != null && { withdrawn }),
  }
}

/** The keys of a tag that speak of its archive. */
function archiveOf({ archive_digest, archive_size, legacy_archive_digest }: RawTag): RawTag {
  return {
    ...(archive_digest !== undefined && { archive_digest }),
    ...(archive_size !== undefined && { archive_size }),
    ...(legacy_archive_digest !== undefined && { legacy_archive_digest }),
  }
}

/** The server config of a source that was never archived: a copy, with what is to be archived still without digests. */
export function newServerConfig(source: RawConfig): RawConfig {
  return structuredClone(source)
}

/**
 * Takes over what the source has and the server config has not: new genomes and tags, aliases, descriptions. What is archived
 * stays as it was archived.
 */
export function followSource(target: RawConfig, source: RawConfig): void {
  for (const [digest, from] of Object.entries(source.genomes ?? {})) {
    const genome = genomeIn(target, digest)
    copySaid(genome, from)
    if (from?.aliases != null) genome.aliases = [...from.aliases]
    for (const [name, fromAsset] of Object.entries(from?.assets ?? {})) {
      const asset = assetIn(genome, name)
      copySaid(asset, fromAsset)
      asset.tags ??= {}
      for (const [tag, fromTag] of Object.entries(fromAsset?.tags ?? {})) {
        const present = asset.tags[tag] ?? structuredClone(fromTag ?? {})
        copySaid(present, fromTag)
        asset.tags[tag] = present
      }
    }
  }
}

/**
 * What the source says of access and provenance counts; what it does not speak of stays, since it may have been written here by hand.
 */
function copySaid(to: object, from: object | null | undefined): void {
  const [target, source] = [to, from ?? {}] as [Keys, Keys]
  // Of two spellings the one that is said now counts.
  if (source.licence !== undefined || source.license !== undefined) {
    delete target.licence
    delete target.license
  }
  for (const key of ['access', 'study', ...PROVENANCE_KEYS]) {
    if (source[key] !== undefined) target[key] = structuredClone(source[key])
  }
}

type Keys = Record<string, unknown>

/** Takes a tag out of a config, with the genome and asset that become empty; relatives forget it. */
export function removeTag(config: RawConfig, { genome: digest, asset: name, tag }: TagName): void {
  const { genomes } = config
  const assets = genomes?.[digest]?.assets
  const asset = assets?.[name]
  if (genomes == null || assets == null || asset?.tags?.[tag] === undefined) return
  delete asset.tags[tag]
  if (asset.default_tag === tag) delete asset.default_tag
  if (Object.keys(asset.tags).length === 0) delete assets[name]
  if (Object.keys(assets).length === 0) delete genomes[digest]
  const own = `${digest}/${name}:${tag}`
  for (const relative of tagsOf(genomes)) {
    for (const key of ['asset_parents', 'asset_children'] as const) {
      const list = relative[key]
      if (list?.includes(own)) relative[key] = list.filter(path => path !== own)
    }
  }
}

function* tagsOf(genomes: NonNullable<RawConfig['genomes']>): Generator<RawTag> {
  for (const genome of Object.values(genomes)) {
    for (const asset of Object.values(genome?.assets ?? {})) {
      for (const tag of Object.values(asset?.tags ?? {})) if (tag !== null) yield tag
    }
  }
}

/** `digest/asset:tag`; without a tag the default one is meant. */
function tagNamed(path: string): TagName | undefined {
  const match = /^([^/]+)\/([^:]+)(?::(.+))?$/.exec(path)
  if (match === null) return undefined
  const [, genome, asset, tag = DEFAULT_TAG] = match
  return { genome: genome as string, asset: asset as string, tag }
}

function genomeIn(config: RawConfig, digest: string): RawGenome {
  config.genomes ??= {}
  const genome = config.genomes[digest] ?? {}
  config.genomes[digest] = genome
  return genome
}

function assetIn(genome: RawGenome, name: string): RawAsset {
  genome.assets ??= {}
  const asset = genome.assets[name] ?? {}
  genome.assets[name] = asset
  return asset
}
