/** What a run of `mirror` has to do: what another server lists, compared with what the archive folder has. */
import { stat } from 'node:fs/promises'
import { archivePath } from '../archive/archive-plan.ts'
import { selectTags } from '../archive/archive-target.ts'
import { INDEX_SUFFIX } from '../archive/member-index.ts'
import { type LegacyDigests, legacyKey } from '../archive/remote-listing.ts'
import { findTag, type TagName } from '../archive/server-record.ts'
import { whyUnsafe } from '../archive/tag-files.ts'
import { parseGenomeConfig } from '../config/genome-config.ts'
import type { RawConfig } from '../config/genome-config-schema.ts'
import { formatGenomeConfig } from '../config/write-genome-config.ts'
import { type Catalogue, type CatalogueEntry, entriesOf } from '../domain/catalogue.ts'
import { mayRedistribute, provenanceOf } from '../domain/provenance.ts'

/** What is mirrored; everything without any of it. */
export interface MirrorScope {
  /** Alias or digest. */
  readonly genome?: string
  readonly asset?: string
  /** True to take also what must not be passed on. */
  readonly includeRestricted?: boolean
}

/** What is to be done. */
export interface MirrorPlan {
  /** Tags whose archives must come. */
  readonly wanted: readonly CatalogueEntry[]
  /** Tags whose archives are here. */
  readonly current: readonly CatalogueEntry[]
  /** Tags that must not be passed on, and stay there. */
  readonly restricted: readonly CatalogueEntry[]
  /** Tags whose names cannot be names of files, and why. */
  readonly unsafe: readonly { readonly entry: CatalogueEntry; readonly reason: string }[]
  /** Tags here that are not listed there any more. */
  readonly vanished: readonly CatalogueEntry[]
}

/**
 * Plans a run.
 *
 * @param config - the server config of the archive folder
 * @throws NotInCatalogue when the scope names what the server does not have
 */
export async function planMirror(
  remote: Catalogue,
  config: RawConfig,
  archiveFolder: string,
  scope: MirrorScope,
): Promise<MirrorPlan> {
  const plan = { wanted: [], current: [], restricted: [], unsafe: [], vanished: [] } as {
    -readonly [K in keyof MirrorPlan]: MirrorPlan[K][number][]
  }
  const digests = new Set(remote.genomes.map(({ digest }) => digest))
  for (const entry of entriesInScope(remote, scope)) {
    const reason = whyUnsafe(entry, digests)
    if (reason !== undefined) plan.unsafe.push({ entry, reason })
    else if (scope.includeRestricted !== true && isRestricted(entry)) plan.restricted.push(entry)
    else if (await isCurrent(entry, config, archiveFolder)) plan.current.push(entry)
    else plan.wanted.push(entry)
  }
  plan.vanished.push(...vanishedFrom(remote, config, scope))
  return plan
}

/** Names a tag in a config. */
export function tagName({ genome, asset, tag }: CatalogueEntry): TagName {
  return { genome: genome.digest, asset: asset.name, tag: tag.name }
}

/** True for what its licence forbids to be passed on. */
export function isRestricted(entry: CatalogueEntry): boolean {
  return mayRedistribute(provenanceOf(entry)) === false
}

/** Digests of alias-named archives that the config of an earlier run has: they need not be asked for again. */
export function knownLegacy(config: RawConfig): LegacyDigests {
  const known: LegacyDigests = new Map()
  for (const entry of entriesIn(config)) {
    const { genome, asset, tag } = entry
    const alias = genome.aliases[0] ?? genome.digest
    const key = legacyKey({ ...tagName(entry), alias }, tag.archiveDigest)
    if (asset.tags.size > 0) known.set(key, tag.legacyArchiveDigest || tag.archiveDigest)
  }
  return known
}

function entriesInScope(remote: Catalogue, { genome, asset }: MirrorScope): CatalogueEntry[] {
  const genomes = remote.genomes.filter(({ assets }) => asset === undefined || assets.has(asset))
  if (genome === undefined) {
    const all = genomes.flatMap(found => [...entriesOf(found)])
    return all.filter(entry => asset === undefined || entry.asset.name === asset)
  }
  return selectTags(remote.genomes, [asset === undefined ? genome : `${genome}/${asset}`])
}

/** An archive counts as here when the config names it and there is a file; `archive verify --deep` reads it. */
async function isCurrent(
  entry: CatalogueEntry,
  config: RawConfig,
  archiveFolder: string,
): Promise<boolean> {
  const { tag } = entry
  const here = findTag(config, tagName(entry))
  if (here?.archive_digest !== tag.archiveDigest) return false
  const path = await archivePath({ archiveFolder }, entry)
  if (path === undefined) return false
  // With an index every alias-named archive is made of the stored one.
  const isIndexed = await stat(path + INDEX_SUFFIX).catch(() => undefined)
  return isIndexed !== undefined || (here.legacy_archive_digest ?? '') === tag.legacyArchiveDigest
}

function vanishedFrom(
  remote: Catalogue,
  config: RawConfig,
  { genome, asset }: MirrorScope,
): CatalogueEntry[] {
  return entriesIn(config).filter(entry => {
    const { digest, aliases } = entry.genome
    if (genome !== undefined && genome !== digest && !aliases.includes(genome)) return false
    if (asset !== undefined && asset !== entry.asset.name) return false
    return remote.entry(digest, entry.asset.name, entry.tag.name)?.tag.name !== entry.tag.name
  })
}

/** Every archived tag of a config that was written here. */
function entriesIn(config: RawConfig): CatalogueEntry[] {
  const { genomes } = parseGenomeConfig(formatGenomeConfig(config), 'the server config')
  return genomes.flatMap(genome => [...entriesOf(genome)]).filter(({ tag }) => tag.archived)
}
