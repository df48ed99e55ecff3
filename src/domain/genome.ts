/** Genomes, assets and tags as a genome config describes them. */

/** The values of one tag in the order of the config; unknown keys are kept. */
export type TagAttributes = Readonly<Record<string, unknown>>

/** One tag of an asset: what is archived and downloaded. */
export class Tag {
  readonly name: string
  readonly attributes: TagAttributes

  constructor(name: string, attributes: TagAttributes) {
    this.name = name
    this.attributes = attributes
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
  readonly assets: ReadonlyMap<string, Asset>
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

/** The name people know a genome by: its first alias, or its digest when it has none. */
export function nameOf(genome: Genome): string {
  return genome.aliases[0] ?? genome.digest
}
