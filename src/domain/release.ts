/** Releases: named lists of archives by their digests, which never change. */
import { type AccessMarks, type AccessPolicy, AccessTable } from './access.ts'
import { type CatalogueEntry, entriesOf, registryPathOf } from './catalogue.ts'
import { type Asset, type Genome, Tag } from './genome.ts'
import type { Rights } from './rights.ts'
import { byCodePoint } from './text-order.ts'

/** One archive of a release. */
export interface ReleaseEntry {
  /** `digest/asset:tag`. */
  readonly registry_path: string
  readonly genome: { readonly digest: string; readonly aliases: readonly string[] }
  readonly asset: string
  readonly tag: string
  readonly asset_digest: string
  /** `size` in bytes. */
  readonly archive: { readonly md5: string; readonly sha256: string; readonly size: number }
  /** True when it was controlled when the release was made: it stays so when its tag is not in the config any more. */
  readonly controlled?: boolean
  /** Studies that give access to it. */
  readonly studies?: readonly string[]
}

/** A release, as it lies in its file. */
export interface Release {
  readonly format: 'refdepot-release'
  readonly version: 1
  readonly name: string
  readonly description: string | null
  /** ISO time. */
  readonly created: string
  /** Number of the generation it was made from; null for an archive folder. */
  readonly generation: number | null
  /** Sorted by registry path. */
  readonly entries: readonly ReleaseEntry[]
}

/** What differs between two releases; each list is sorted by registry path. */
export interface ReleaseDiff {
  readonly added: readonly ReleaseEntry[]
  readonly removed: readonly ReleaseEntry[]
  /** The same tag with other archives. */
  readonly changed: readonly { readonly from: ReleaseEntry; readonly to: ReleaseEntry }[]
}

/** What a name may be: it is part of a URL and of a file name. */
export const RELEASE_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/

/** The entry of an archive. */
export function releaseEntry(
  entry: CatalogueEntry,
  archive: ReleaseEntry['archive'],
  studies: readonly string[] | undefined,
): ReleaseEntry {
  const { genome, asset, tag } = entry
  return {
    registry_path: registryPathOf(entry),
    genome: { digest: genome.digest, aliases: [...genome.aliases] },
    asset: asset.name,
    tag: tag.name,
    asset_digest: tag.assetDigest,
    archive: { md5: archive.md5, sha256: archive.sha256, size: archive.size },
    ...(studies !== undefined && { controlled: true, studies: [...studies] }),
  }
}

/** What was added, removed and changed from one list to another. */
export function diffReleases(
  from: readonly ReleaseEntry[],
  to: readonly ReleaseEntry[],
): ReleaseDiff {
  const before = new Map(from.map(entry => [entry.registry_path, entry]))
  const after = new Map(to.map(entry => [entry.registry_path, entry]))
  return {
    added: to.filter(entry => !before.has(entry.registry_path)),
    removed: from.filter(entry => !after.has(entry.registry_path)),
    changed: to.flatMap(entry => {
      const old = before.get(entry.registry_path)
      return old === undefined || old.archive.sha256 === entry.archive.sha256
        ? []
        : [{ from: old, to: entry }]
    }),
  }
}

/** True for releases of the same archives under the same description. */
export function isSameRelease(a: Release, b: Release): boolean {
  const { added, removed, changed } = diffReleases(a.entries, b.entries)
  return a.description === b.description && added.length + removed.length + changed.length === 0
}

/** What decides who may see a release. */
export interface ReleaseAccess {
  /** Genomes of the config, with all tags: for those the config and the policy decide. */
  readonly genomes: readonly Genome[]
  readonly marks: readonly AccessMarks[]
  readonly policy?: AccessPolicy
}

/** All releases of a place, with who may see what of them. */
export class ReleaseSet {
  /** The newest one first. */
  readonly releases: readonly Release[]
  readonly #gone: readonly Genome[]
  readonly #access: AccessTable

  constructor(releases: readonly Release[], { genomes, marks, policy }: ReleaseAccess) {
    this.releases = [...releases].sort(
      (a, b) => byCodePoint(b.created, a.created) || byCodePoint(a.name, b.name),
    )
    const gone = releases.length === 0 ? [] : entriesGone(releases, genomes)
    this.#gone = gone.length === 0 ? [] : genomesOf(gone, genomes)
    const configs = [marksOf(gone), ...marks]
    this.#access = new AccessTable(this.#gone, { configs, ...(policy && { policy }) })
  }

  /** Registry paths that these rights do not reach, of tags that are in releases only: what the config does not have any more stays controlled. */
  hiddenFrom(rights: Rights): ReadonlySet<string> {
    return this.#access.hiddenFrom(rights, this.#gone)
  }
}

/** Entries of releases whose tags the config does not have any more. */
function entriesGone(releases: readonly Release[], genomes: readonly Genome[]): ReleaseEntry[] {
  const known = new Set(genomes.flatMap(genome => [...entriesOf(genome)].map(registryPathOf)))
  return releases.flatMap(({ entries }) =>
    entries.filter(({ registry_path }) => !known.has(registry_path)),
  )
}

/** The marks that releases keep of their entries. */
function marksOf(entries: readonly ReleaseEntry[]): AccessMarks {
  const marked = new Map<string, Set<string>>()
  for (const { registry_path, controlled, studies = [] } of entries) {
    if (controlled !== true) continue
    marked.set(registry_path, new Set([...(marked.get(registry_path) ?? []), ...studies]))
  }
  return {
    silent: marked.size === 0,
    marksOf: ({ digest }, asset, tag) => {
      const studies = marked.get(`${digest}/${asset}:${tag}`)
      return studies === undefined ? [] : [{ access: 'controlled', studies: [...studies] }]
    },
  }
}

/** Entries as genomes, since access is decided over those; they go by the aliases of today and of then. */
function genomesOf(entries: readonly ReleaseEntry[], present: readonly Genome[]): Genome[] {
  const aliases = new Map(present.map(genome => [genome.digest, new Set(genome.aliases)]))
  const found = new Map<string, Map<string, Map<string, Tag>>>()
  for (const { genome, asset, tag } of entries) {
    const names = aliases.get(genome.digest) ?? new Set()
    aliases.set(genome.digest, new Set([...names, ...genome.aliases]))
    const assets = found.get(genome.digest) ?? new Map<string, Map<string, Tag>>()
    found.set(genome.digest, assets)
    assets.set(asset, new Map(assets.get(asset)).set(tag, new Tag(tag, {})))
  }
  return [...found].map(([digest, assets]) => ({
    digest,
    aliases: [...(aliases.get(digest) as ReadonlySet<string>)],
    folder: digest,
    assets: new Map([...assets].map(([name, tags]): [string, Asset] => [name, { name, tags }])),
  }))
}
