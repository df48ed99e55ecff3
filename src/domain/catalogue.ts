/**
 * The catalogue: everything that is served, as one immutable value with O(1) look-ups.
 *
 * It is built from the genomes of a config and never changes; a changed config makes a new catalogue.
 * Rules of what is listed are refgenieserver's (reference: purge at start): a tag counts only when the archiver wrote
 * `archive_digest` and `archive_size`; an asset goes with its last tag, a genome with its last asset, and relatives
 * that are not listed vanish from the lists of others. A withdrawn tag is not listed, but it is known what became of it.
 */
import {
  type Asset,
  defaultTagOf,
  type Genome,
  LATEST,
  type Remote,
  type Tag,
  tagNamed,
} from './genome.ts'
import { parseRegistryPath } from './registry-path.ts'
import { type WithdrawnEntry, WithdrawnTags, withDefault } from './withdrawal.ts'

/** An archived tag with where it belongs. */
export interface CatalogueEntry {
  readonly genome: Genome
  readonly asset: Asset
  readonly tag: Tag
}

/** A tag of the config that is not listed, and why. */
export interface UnlistedTag {
  readonly registryPath: string
  readonly reason: string
}

/** Which of an asset's two archive files: as stored for v3, or with alias-named files for v1 and v2. */
export type ArchiveForm = 'stored' | 'legacy'

/** An archive found by its digest. */
export interface ArchiveMatch extends CatalogueEntry {
  readonly form: ArchiveForm
}

/** What a catalogue is built from. */
export interface CatalogueSource {
  /** In config order, with all tags, archived or not. */
  readonly genomes: readonly Genome[]
  /** Stores with copies of the archive folder; undefined = files are served from here. */
  readonly remotes?: ReadonlyMap<string, Remote>
}

/** Everything that is served; see the head of this file. */
export class Catalogue {
  /** Listed genomes in config order. */
  readonly genomes: readonly Genome[]
  /** Stores with copies of the archive folder; undefined = files are served from here. */
  readonly remotes: ReadonlyMap<string, Remote> | undefined
  /** Tags of the config that are not listed, with the reason. */
  readonly unlisted: readonly UnlistedTag[]
  /** Tags that are gone for good, and why. */
  readonly withdrawn: WithdrawnTags
  /** Number of listed archives, one a tag. */
  readonly archiveCount: number
  readonly #byDigest = new Map<string, Genome>()
  readonly #byAlias = new Map<string, Genome>()
  /** Aliases of every genome of the config, listed or not: the peer goes on resolving them. */
  readonly #digestOfAlias = new Map<string, string>()
  readonly #byAsset = new Map<string, Genome[]>()
  readonly #byArchiveDigest = new Map<string, ArchiveMatch>()
  readonly #byAssetDigest = new Map<string, CatalogueEntry>()

  constructor(source: CatalogueSource) {
    const { genomes, unlisted } = listedGenomes(source.genomes)
    this.genomes = genomes
    this.remotes = source.remotes
    this.unlisted = unlisted
    this.withdrawn = new WithdrawnTags(source.genomes)
    for (const genome of source.genomes) {
      for (const alias of genome.aliases) this.#digestOfAlias.set(alias, genome.digest)
    }
    let count = 0
    for (const genome of genomes) {
      this.#index(genome)
      for (const asset of genome.assets.values()) count += asset.tags.size
    }
    this.archiveCount = count
  }

  /** The genome of this digest or, failing that, of this alias (the order in which the peer looks). */
  genome(name: string): Genome | undefined {
    return this.#byDigest.get(name) ?? this.#byAlias.get(name)
  }

  /** The digest an alias stands for, also when the genome has nothing archived (as the peer). */
  digestOfAlias(alias: string): string | undefined {
    return this.#digestOfAlias.get(alias)
  }

  /** The asset of a genome given by digest or alias. */
  asset(genome: string, asset: string): Asset | undefined {
    return this.genome(genome)?.assets.get(asset)
  }

  /** The tag of an asset: by name, the last published one for `latest`, without `tag` the default tag. */
  entry(genomeName: string, assetName: string, tagName?: string): CatalogueEntry | undefined {
    const genome = this.genome(genomeName)
    const asset = genome?.assets.get(assetName)
    if (genome === undefined || asset === undefined) return undefined
    const tag = tagNamed(asset, tagName)
    return tag && { genome, asset, tag }
  }

  /** The withdrawn tag that is meant when {@link entry} finds none: by name, or, of an asset that has nothing else, its default tag. */
  withdrawnEntry(genomeName: string, asset: string, tag?: string): WithdrawnEntry | undefined {
    const genome = this.genome(genomeName)?.digest ?? this.digestOfAlias(genomeName) ?? genomeName
    const named = tag === undefined ? undefined : this.withdrawn.tag(genome, asset, tag)
    if (named !== undefined || this.asset(genome, asset) !== undefined) return named
    return tag === undefined || tag === LATEST
      ? this.withdrawn.formerDefault(genome, asset)
      : undefined
  }

  /** The default tag of an asset; the word `default` for an unknown genome or asset (as the peer). */
  defaultTag(genome: string, assetName: string): string {
    const asset = this.asset(genome, assetName)
    return asset === undefined ? 'default' : defaultTagOf(asset)
  }

  /** The listed genomes that have an asset, in config order. */
  genomesWith(asset: string): readonly Genome[] {
    return this.#byAsset.get(asset) ?? []
  }

  /** The archive with this md5, as the config claims it. */
  archive(md5: string): ArchiveMatch | undefined {
    return this.#byArchiveDigest.get(md5)
  }

  /** The tag with this asset digest. */
  byAssetDigest(digest: string): CatalogueEntry | undefined {
    return this.#byAssetDigest.get(digest)
  }

  /** The tag a registry path with a genome names; undefined when it does not parse or is not here. */
  resolve(registryPath: string): CatalogueEntry | undefined {
    const path = parseRegistryPath(registryPath)
    if (path?.genome === undefined) return undefined
    const entry = this.entry(path.genome, path.asset, path.tag)
    if (entry === undefined || path.seekKey === undefined) return entry
    return path.seekKey === 'dir' || Object.hasOwn(entry.tag.seekKeys, path.seekKey)
      ? entry
      : undefined
  }

  /** Every listed tag in config order. */
  *entries(): Generator<CatalogueEntry> {
    for (const genome of this.genomes) yield* entriesOf(genome)
  }

  #index(genome: Genome): void {
    this.#byDigest.set(genome.digest, genome)
    // The same alias in two genomes: the later one wins, as in the peer.
    for (const alias of genome.aliases) this.#byAlias.set(alias, genome)
    for (const name of genome.assets.keys()) {
      const genomes = this.#byAsset.get(name)
      if (genomes === undefined) this.#byAsset.set(name, [genome])
      else genomes.push(genome)
    }
    for (const entry of entriesOf(genome)) this.#indexTag(entry)
  }

  #indexTag(entry: CatalogueEntry): void {
    const { tag } = entry
    const claim = (digest: string, form: ArchiveForm) => {
      if (digest !== '' && !this.#byArchiveDigest.has(digest)) {
        this.#byArchiveDigest.set(digest, { ...entry, form })
      }
    }
    claim(tag.archiveDigest, 'stored')
    claim(tag.legacyArchiveDigest, 'legacy')
    if (tag.assetDigest !== '' && !this.#byAssetDigest.has(tag.assetDigest)) {
      this.#byAssetDigest.set(tag.assetDigest, entry)
    }
  }
}

/** The tags of one genome, in config order. */
export function* entriesOf(genome: Genome): Generator<CatalogueEntry> {
  for (const asset of genome.assets.values()) {
    for (const tag of asset.tags.values()) yield { genome, asset, tag }
  }
}

/** `genome/asset:tag` with the genome's digest: how configs name relatives. */
export function registryPathOf(entry: CatalogueEntry): string {
  return `${entry.genome.digest}/${entry.asset.name}:${entry.tag.name}`
}

function listedGenomes(all: readonly Genome[]): { genomes: Genome[]; unlisted: UnlistedTag[] } {
  const unlisted: UnlistedTag[] = []
  const gone = new Set<string>()
  for (const genome of all) {
    for (const entry of entriesOf(genome)) {
      const reason = whyUnlisted(entry.tag)
      if (reason === undefined) continue
      unlisted.push({ registryPath: registryPathOf(entry), reason })
      gone.add(registryPathOf(entry))
    }
  }
  if (gone.size === 0) return { genomes: [...all], unlisted }
  return { genomes: all.flatMap(genome => withoutGone(genome, gone)), unlisted }
}

function whyUnlisted(tag: Tag): string | undefined {
  if (tag.withdrawal !== undefined) return `was withdrawn: ${tag.withdrawal.reason}`
  if (tag.archived) return undefined
  return tag.archiveDigest === ''
    ? 'has no archive_digest: it is not archived'
    : 'has no archive_size: its archiving did not finish'
}

/** The genome with what is archived; nothing when that is nothing. A genome that never had assets stays (as the peer). */
function withoutGone(genome: Genome, gone: ReadonlySet<string>): Genome[] {
  const assets = new Map<string, Asset>()
  for (const asset of genome.assets.values()) {
    const tags = new Map<string, Tag>()
    for (const tag of asset.tags.values()) {
      if (whyUnlisted(tag) === undefined) tags.set(tag.name, withoutRelatives(tag, gone))
    }
    const listed = withDefault({ ...asset, tags }, asset)
    // An asset without any tag in the config stays in the lists (as the peer); one that lost its last tag goes.
    if (tags.size > 0 || asset.tags.size === 0) assets.set(asset.name, listed)
  }
  return assets.size === 0 && genome.assets.size > 0 ? [] : [{ ...genome, assets }]
}

function withoutRelatives(tag: Tag, gone: ReadonlySet<string>): Tag {
  const keep = (path: string) => !gone.has(path)
  if (tag.parents.every(keep) && tag.children.every(keep)) return tag
  const attributes = { ...tag.attributes }
  if (attributes.asset_parents !== undefined) attributes.asset_parents = tag.parents.filter(keep)
  if (attributes.asset_children !== undefined) attributes.asset_children = tag.children.filter(keep)
  return tag.withAttributes(attributes)
}
