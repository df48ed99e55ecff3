/** Genomes, assets and tags as a genome config describes them. */
import type { Provenance } from './provenance.ts'

/** The values of one tag in the order of the config; unknown keys are kept. */
export type TagAttributes = Readonly<Record<string, unknown>>

/** What was said when a tag was withdrawn. */
export interface Withdrawal {
  readonly reason: string
  /** ISO time. */
  readonly at: string
  /** Registry path (`digest/asset:tag`) of what takes its place. */
  readonly successor?: string
}

/** What happened to a tag since it was published; no attribute of it, so that no API shows it among those. */
export interface TagLife {
  /** ISO time; undefined in an archive folder, and for what was published before this was kept. */
  readonly publishedAt?: string
  readonly withdrawal?: Withdrawal
}

/** One tag of an asset: what is archived and downloaded. */
export class Tag {
  readonly name: string
  readonly attributes: TagAttributes
  readonly #life: TagLife

  constructor(name: string, attributes: TagAttributes, life: TagLife = {}) {
    this.name = name
    this.attributes = attributes
    this.#life = life
  }

  /** The same tag with other attributes. */
  withAttributes(attributes: TagAttributes): Tag {
    return new Tag(this.name, attributes, this.#life)
  }

  /** What happened to it, as far as anything did. */
  get life(): TagLife {
    return this.#life
  }

  /** When it was published in a store, as ISO time. */
  get publishedAt(): string | undefined {
    return this.#life.publishedAt
  }

  /** Why it is not listed any more; undefined for a tag that is not withdrawn. */
  get withdrawal(): Withdrawal | undefined {
    return this.#life.withdrawal
  }

  /** Folder of the asset below `data/<genome digest>/`. */
  get assetPath(): string {
    return this.text('asset_path')
  }

  /** md5 over the md5s of the files (32 hex); empty when the config has none. */
  get assetDigest(): string {
    return this.text('asset_digest')
  }

  /** md5 of the archive file (32 hex), as the config claims it; empty when the tag is not archived. */
  get archiveDigest(): string {
    return this.text('archive_digest')
  }

  /** md5 of the alias-named archive that API v1 and v2 serve; empty when there is none. */
  get legacyArchiveDigest(): string {
    return this.text('legacy_archive_digest')
  }

  /** Size of the unpacked asset as text, such as `53.45 KB`. */
  get assetSize(): string {
    return this.text('asset_size')
  }

  /** Size of the archive as text, such as `12.83 KB`. */
  get archiveSize(): string {
    return this.text('archive_size')
  }

  get description(): string {
    return this.text('tag_description')
  }

  /** Seek key → path relative to the tag folder, a prefix of file names, or `.` for the folder. */
  get seekKeys(): Readonly<Record<string, string>> {
    return (this.attributes.seek_keys ?? {}) as Record<string, string>
  }

  /** Registry paths (`digest/asset:tag`) of the assets this one was built from. */
  get parents(): readonly string[] {
    return (this.attributes.asset_parents ?? []) as string[]
  }

  /** Registry paths (`digest/asset:tag`) of the assets built from this one. */
  get children(): readonly string[] {
    return (this.attributes.asset_children ?? []) as string[]
  }

  /** True when the archiver has written its keys: refgenieserver lists a tag only then. */
  get archived(): boolean {
    return this.archiveDigest !== '' && this.archiveSize !== ''
  }

  private text(key: string): string {
    const value = this.attributes[key]
    return typeof value === 'string' ? value : ''
  }
}

/** One asset of a genome: its tags in config order. */
export interface Asset {
  readonly name: string
  /** `asset_description`; undefined when the config has none. */
  readonly description?: string
  /** `default_tag` as written; see {@link defaultTagOf} for the tag that counts. */
  readonly defaultTag?: string
  /** What the asset says of where it comes from; see `provenanceOf` for what counts. */
  readonly provenance?: Provenance
  readonly tags: ReadonlyMap<string, Tag>
}

/** One genome: its assets in config order. */
export interface Genome {
  /** Key of the config: 48 hex characters in a sound config; anything else is reachable in v1 and v2 only. */
  readonly digest: string
  readonly aliases: readonly string[]
  /** `genome_description`; undefined when the config has none. */
  readonly description?: string
  /** `genome_digest`, a left-over of config 0.3 that the peer shows in the genome attributes. */
  readonly legacyDigest?: string
  /** Name of the genome's folder in the archive folder: the digest, or the name in a 0.3 folder. */
  readonly folder: string
  /** What the genome says of where it comes from; see `provenanceOf` for what counts. */
  readonly provenance?: Provenance
  readonly assets: ReadonlyMap<string, Asset>
  /** What is known of the assets without a look at them; undefined = look. */
  readonly outline?: GenomeOutline
}

/** What is known of the assets of a genome without a look at them. */
export interface GenomeOutline {
  /** Number of tags. */
  readonly tags: number
  /** True when every tag is archived and none is withdrawn: then all of it is listed. */
  readonly allListed: boolean
}

/** A store that holds copies of the archive folder, from the `remotes` of the config. */
export interface Remote {
  readonly prefix: string
  readonly description?: string
}

/** The tag that is meant when none is named: `default_tag` if that tag exists, else the first one. */
export function defaultTagOf(asset: Asset): string {
  const named = asset.defaultTag
  if (named !== undefined && asset.tags.has(named)) return named
  const [first] = asset.tags.keys()
  return first ?? 'default'
}

/** The word that means the tag that was published last, where no tag is really called so. */
export const LATEST = 'latest'

/**
 * The tag of an asset that was published last: by time, then by the order of the config. What is withdrawn never is it; what is not archived only
 * where nothing is. Undefined when there is none.
 */
export function latestTagOf(asset: Asset): Tag | undefined {
  let latest = latestTags.get(asset)
  if (latest === undefined) {
    latest = { tag: lastPublished(asset) }
    latestTags.set(asset, latest)
  }
  return latest.tag
}

// Assets never change, and some have a tag for each release of their source.
const latestTags = new WeakMap<Asset, { readonly tag: Tag | undefined }>()

function lastPublished(asset: Asset): Tag | undefined {
  const all = [...asset.tags.values()].filter(tag => tag.withdrawal === undefined)
  const archived = all.filter(tag => tag.archived)
  let latest: Tag | undefined
  for (const tag of archived.length > 0 ? archived : all) {
    // ISO times of one form sort as texts.
    if ((tag.publishedAt ?? '') >= (latest?.publishedAt ?? '')) latest = tag
  }
  return latest
}

/** The tag that a name means: a tag called so, for `latest` the one that was published last, and the default tag without any name. */
export function tagNamed(asset: Asset, name = defaultTagOf(asset)): Tag | undefined {
  return asset.tags.get(name) ?? (name === LATEST ? latestTagOf(asset) : undefined)
}

/** The name people know a genome by: its first alias, or its digest when it has none. */
export function nameOf(genome: Genome): string {
  return genome.aliases[0] ?? genome.digest
}
