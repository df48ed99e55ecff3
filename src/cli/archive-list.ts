/** `refdepot archive list`, `remove` and `verify`: they look at what is archived. */

import { openServerTarget, selectTags } from '../archive/archive-target.ts'
import { type ArchivesAt, archivesInFolder, archivesInStore } from '../archive/archives-at.ts'
import { healFolder } from '../archive/create-archives.ts'
import { listArchives } from '../archive/list-archives.ts'
import { openPublished } from '../archive/open-published.ts'
import { readPublished } from '../archive/published.ts'
import { removeArchives } from '../archive/remove-archives.ts'
import { type Verified, verifyArchive } from '../archive/verify-archives.ts'
import { StateUnavailable } from '../domain/access-errors.ts'
import { type CatalogueEntry, registryPathOf } from '../domain/catalogue.ts'
import { csvText } from '../domain/csv-text.ts'
import { NotInCatalogue } from '../domain/errors.ts'
import type { Genome } from '../domain/genome.ts'
import { formatSize } from '../domain/human-size.ts'
import { configOf, type TargetFlags } from './archive-flags.ts'
import { EXIT } from './exit-codes.ts'
import { type StateFlags, withPresentState } from './state-flags.ts'
import { tableText } from './table.ts'

/** Flags of what looks at archives, in a folder or in a store. */
export interface PlaceFlags extends TargetFlags {
  readonly store?: string
}

/** Flags of `archive list`. */
export interface ListFlags extends PlaceFlags, StateFlags {
  readonly json?: boolean
  readonly csv?: boolean
}

const COLUMNS = ['Digest', 'Asset name', 'Path', 'Size', 'Created', 'Downloads']

/** Prints what is archived. */
export async function runList(paths: readonly string[], flags: ListFlags): Promise<number> {
  const { entries, at } = await archivesNamed(paths, flags)
  const archives = await listArchives(at, entries)
  const downloadsOf = await countsOf(flags)
  if (flags.json === true) {
    const rows = archives.map(({ asset, registryPath, ...rest }) => ({
      ...rest,
      asset_name: asset,
      registry_path: registryPath,
      downloads: downloadsOf(rest.digest),
    }))
    process.stdout.write(`${JSON.stringify(rows, null, 2)}\n`)
    return EXIT.ok
  }
  const rows = archives.map(({ digest, asset, path, size, created }) => {
    const shown =
      flags.csv === true ? String(size ?? '') : size === undefined ? 'missing' : formatSize(size)
    const time = created?.toISOString().slice(0, 19) ?? '-'
    return [digest, asset, path ?? '-', shown, time, String(downloadsOf(digest) ?? '-')]
  })
  process.stdout.write(flags.csv === true ? csvText(COLUMNS, rows) : tableText(COLUMNS, rows))
  return EXIT.ok
}

/** How often archives were downloaded, by digest; null when the state that knows it cannot be read. */
async function countsOf(flags: ListFlags): Promise<(digest: string) => number | null> {
  try {
    const totals = await withPresentState(flags, async state => state?.downloads.totals())
    return digest => totals?.get(digest)?.downloads ?? 0
  } catch (error) {
    // What is archived can be told without it.
    if (!(error instanceof StateUnavailable)) throw error
    process.stderr.write(`no downloads: ${error.message}\n`)
    return () => null
  }
}

/** Takes archives out of the server config; with `--purge` their files go too. */
export async function runRemove(
  paths: readonly string[],
  flags: TargetFlags & { readonly purge?: boolean },
): Promise<number> {
  const { entries, archiveFolder, configFile } = await archived(paths, flags)
  const removed = await removeArchives({
    entries,
    archiveFolder,
    configFile,
    purge: flags.purge === true,
  })
  for (const entry of entries) process.stdout.write(`removed ${registryPathOf(entry)}\n`)
  for (const path of removed) process.stdout.write(`deleted ${path}\n`)
  if (flags.purge !== true) process.stdout.write('the files stay; delete them with --purge\n')
  return EXIT.ok
}

/** Verifies archives: 5 when one is damaged, 1 when one is missing. */
export async function runVerify(
  paths: readonly string[],
  flags: PlaceFlags & { readonly deep?: boolean; readonly json?: boolean },
): Promise<number> {
  const { entries, at } = await archivesNamed(paths, flags)
  const problems: string[] = []
  for (const entry of entries) {
    const verified = await verifyArchive(at, entry, flags.deep === true)
    problems.push(...verified.problems.map(({ kind }) => kind))
    process.stdout.write(
      flags.json === true ? `${JSON.stringify(verified)}\n` : verifiedText(verified),
    )
  }
  if (problems.length === 0) return EXIT.ok
  return problems.includes('damaged') ? EXIT.digestMismatch : EXIT.failed
}

function verifiedText({ registryPath, bytes, problems }: Verified): string {
  if (problems.length === 0) {
    const read = bytes === 0 ? '' : ` (${formatSize(bytes)} read)`
    return `sound    ${registryPath}${read}\n`
  }
  return problems
    .map(({ kind, message }) => `${kind.padEnd(8)} ${registryPath}: ${message}\n`)
    .join('')
}

/** The archived tags that paths name, with where they are: in a store when one is named, else in an archive folder. */
async function archivesNamed(
  paths: readonly string[],
  flags: PlaceFlags,
): Promise<{ entries: CatalogueEntry[]; at: ArchivesAt }> {
  const { store: place = '' } = flags
  if (place === '') {
    const { entries, archiveFolder } = await archived(paths, flags)
    return { entries, at: archivesInFolder(archiveFolder) }
  }
  const store = await openPublished({ place })
  const { config } = await readPublished(store, place)
  const entries = archivedAmong(config.genomes, paths)
  return { entries, at: archivesInStore(store, place) }
}

/** The archived tags that paths name, with the folder they are in. */
async function archived(paths: readonly string[], flags: TargetFlags) {
  const target = await openServerTarget(configOf(flags), flags.archiveFolder)
  await healFolder(target)
  const entries = archivedAmong(target.source.genomes, paths)
  return { entries, archiveFolder: target.archiveFolder, configFile: target.configFile }
}

function archivedAmong(genomes: readonly Genome[], paths: readonly string[]): CatalogueEntry[] {
  const entries = selectTags(genomes, paths).filter(({ tag }) => tag.archived)
  if (entries.length === 0 && paths.length > 0) {
    const names = paths.join(', ')
    throw new NotInCatalogue(
      'unknown-archive',
      names,
      `${names} is not archived; see \`refdepot archive list\``,
    )
  }
  return entries
}
