/** What there is to do for each tag: archive it, complete its views, or nothing. */
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { RawConfig } from '../config/genome-config-schema.ts'
import { readRawConfig } from '../config/raw-config.ts'
import type { CatalogueEntry } from '../domain/catalogue.ts'
import { registryPathOf } from '../domain/catalogue.ts'
import { byCodePoint } from '../domain/text-order.ts'
import { archiveKeys } from './archive-places.ts'
import type { ArchiveTarget } from './archive-target.ts'
import { filesOf, INDEX_SUFFIX, type MemberIndex, parseIndex } from './member-index.ts'
import { findTag } from './server-record.ts'

/** What is done with a tag. */
type PlannedAction = 'create' | 'views' | 'skip'

/** One tag of a plan. */
export interface PlannedTag {
  readonly entry: CatalogueEntry
  readonly action: PlannedAction
  readonly reason: string
  /** True when the operator should be told, although nothing is done. */
  readonly warn?: true
  /** The archive as it is: its absolute path and index. */
  readonly archive?: { readonly path: string; readonly index: MemberIndex }
}

/** What there is to do, with what was learnt of the genomes on the way. */
export interface ArchivePlan {
  /** FASTA assets first: other views of their genome's assets are named by their sequences. */
  readonly tags: readonly PlannedTag[]
  /** Genome digest → digest of its sequence collection. */
  readonly collections: Map<string, string>
}

/** Looks at the archive folder and decides what to do for each tag. */
export async function planArchives(
  target: ArchiveTarget,
  selected: readonly CatalogueEntry[],
  force: boolean,
): Promise<ArchivePlan> {
  const server = await readServerConfig(target)
  const collections = new Map<string, string>()
  const found: PlannedTag[] = []
  for (const entry of [...selected].sort(fastaFirst)) {
    const planned = await planTag(target, server, entry, force)
    if (planned.archive !== undefined) learnCollection(collections, planned.archive.index)
    found.push(planned)
  }
  // Which views are missing is known once all collections are.
  const tags = found.map(planned => completed(planned, collections))
  return { tags, collections }
}

/** Keeps the sequence collection of a genome when an index of its FASTA asset, or of one that links to it, names it. */
export function learnCollection(collections: Map<string, string>, index: MemberIndex): void {
  if (collections.has(index.genome)) return
  for (const file of filesOf(index)) {
    const owner = file.linked ?? `${index.genome}/${index.asset}:${index.tag}`
    if (file.fasta !== undefined && owner.startsWith(`${index.genome}/fasta:`)) {
      collections.set(index.genome, file.fasta.sequence_collection)
      return
    }
  }
}

/** The server config; undefined when there is none yet. Throws when there is a broken one. */
export async function readServerConfig({
  configFile,
}: ArchiveTarget): Promise<RawConfig | undefined> {
  const exists = await stat(configFile).then(
    () => true,
    () => false,
  )
  return exists ? readRawConfig(configFile) : undefined
}

/** Aliases of a genome for which an index has no view. */
export function missingAliases(entry: CatalogueEntry, index: MemberIndex): string[] {
  return entry.genome.aliases.filter(alias => !Object.hasOwn(index.views.legacy, alias))
}

async function planTag(
  target: ArchiveTarget,
  server: RawConfig | undefined,
  entry: CatalogueEntry,
  force: boolean,
): Promise<PlannedTag> {
  const create = (reason: string): PlannedTag => ({ entry, action: 'create', reason })
  const { genome, asset, tag } = entry
  if (tag.assetPath === '' || tag.attributes.seek_keys == null) {
    // What a client keeps of a parent that it has not pulled (reference §1.1).
    const reason =
      'is incomplete in the config (no asset_path or no seek_keys): it was not built or pulled here'
    return { entry, action: 'skip', reason, warn: true }
  }
  const name = { genome: genome.digest, asset: asset.name, tag: tag.name }
  const recorded = server && findTag(server, name)
  if (recorded?.withdrawn != null) return { entry, action: 'skip', reason: 'withdrawn' }
  if (recorded?.archive_digest === undefined || recorded.archive_size === undefined)
    return create('not archived')
  if (force) return create('forced')
  if (tag.assetDigest !== '' && recorded.asset_digest !== tag.assetDigest)
    return create('built anew')
  const path = await archivePath(target, entry)
  if (path === undefined) return create('its archive is missing')
  const index = await readIndex(path)
  if (index === undefined) {
    return {
      entry,
      action: 'skip',
      reason: 'archived by another tool; `archive import` repacks it',
    }
  }
  if (index.archive.md5 !== recorded.archive_digest)
    return create('its archive is not the one of the config')
  return { entry, action: 'skip', reason: 'archived', archive: { path, index } }
}

function completed(planned: PlannedTag, collections: Map<string, string>): PlannedTag {
  const { entry, archive } = planned
  if (archive === undefined) return planned
  const aliases = missingAliases(entry, archive.index)
  if (aliases.length > 0) {
    return { ...planned, action: 'views', reason: `new alias ${aliases.join(', ')}` }
  }
  const collection = collections.get(entry.genome.digest)
  const isNew = collection !== archive.index.views.v4?.sequence_collection
  return collection !== undefined && isNew
    ? { ...planned, action: 'views', reason: 'its genome has sequences now' }
    : planned
}

/** Absolute path of the archive of a tag; undefined when there is none. */
export async function archivePath(
  { archiveFolder }: { archiveFolder: string },
  entry: CatalogueEntry,
): Promise<string | undefined> {
  for (const key of archiveKeys(entry, 'stored')) {
    const path = join(archiveFolder, key)
    const stats = await stat(path).catch(() => undefined)
    if (stats?.isFile() === true && stats.size > 0) return path
  }
  return undefined
}

/** The index beside an archive, when it belongs to an archive of this length. */
export async function readIndex(archive: string): Promise<MemberIndex | undefined> {
  const [text, stats] = await Promise.all([
    readFile(archive + INDEX_SUFFIX, 'utf8').catch(() => ''),
    stat(archive).catch(() => undefined),
  ])
  const index = parseIndex(text)
  return index?.archive.size === stats?.size ? index : undefined
}

function fastaFirst(a: CatalogueEntry, b: CatalogueEntry): number {
  const rank = ({ asset }: CatalogueEntry) => (asset.name === 'fasta' ? 0 : 1)
  return rank(a) - rank(b) || byCodePoint(registryPathOf(a), registryPathOf(b))
}
