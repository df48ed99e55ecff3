/** `bundle import --archives`: the archives of a bundle into an archive folder that `serve` can serve, all of them or none. */
import { createWriteStream } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { isUnfinished, type Move } from '../archive/publish.ts'
import { filesThere } from '../archive/remove-archives.ts'
import { openRunFolder, removeDeadRuns } from '../archive/run-folder.ts'
import { findTag } from '../archive/server-record.ts'
import { configOfFolder, SERVER_CONFIG, takeTags } from '../archive/take-tags.ts'
import { type CatalogueEntry, registryPathOf } from '../domain/catalogue.ts'
import { RefdepotError, StorageWriteFailed } from '../domain/errors.ts'
import { PullRefused } from '../domain/transfer-errors.ts'
import { tagName } from './mirror-plan.ts'
import { bundledFiles, checkBundle, type OpenedBundle } from './open-bundle.ts'
import { mustHaveRoom } from './room.ts'

/** How a bundle is imported. */
export interface ImportOptions {
  /** True to replace tags that have another archive here. */
  readonly force?: boolean
}

/**
 * Copies the archives of a bundle; every byte was compared before anything is changed.
 *
 * @param folder - made when it is not there
 * @returns the tags
 * @throws DigestMismatch, BundleRefused, PullRefused when a tag has another archive here, DiskFull, ConfigInvalid, ConfigLocked, StorageFailed,
 *   StorageWriteFailed; nothing has changed then
 */
export async function importArchives(
  bundle: OpenedBundle,
  folder: string,
  { force = false }: ImportOptions = {},
): Promise<CatalogueEntry[]> {
  const archiveFolder = resolve(folder)
  const place = { archiveFolder, configFile: join(archiveFolder, SERVER_CONFIG) }
  const entries = [...bundle.catalogue.entries()]
  const present = await configOfFolder(place)
  for (const entry of force ? [] : entries) {
    const there = findTag(present, tagName(entry))?.archive_digest ?? entry.tag.archiveDigest
    if (there === entry.tag.archiveDigest) continue
    const reason = `has another archive here (${there}); --force replaces it`
    throw new PullRefused(`${registryPathOf(entry)} ${reason}`)
  }
  await mustHaveRoom(
    archiveFolder,
    bundle.store.files.reduce((sum, { size }) => sum + size, 0),
  )
  await checkBundle(bundle)
  await removeDeadRuns(archiveFolder)
  const run = await openRunFolder(archiveFolder).catch(error => {
    throw new StorageWriteFailed(archiveFolder, error)
  })
  try {
    const moves: Move[] = []
    for (const entry of entries) moves.push(...(await staged(bundle, entry, run, archiveFolder)))
    await takeTags(place, {
      source: bundle.config,
      tags: entries.map(tagName),
      moves,
      removals: await filesThere(archiveFolder, entries),
    })
    return entries
  } finally {
    // Whoever ends a publication that was broken off needs what was prepared.
    if (!(await isUnfinished(archiveFolder))) await rm(run, { recursive: true, force: true })
  }
}

async function staged(
  bundle: OpenedBundle,
  entry: CatalogueEntry,
  run: string,
  archiveFolder: string,
): Promise<Move[]> {
  const moves: Move[] = []
  for (const { published, inFolder } of await bundledFiles(bundle, entry)) {
    const from = join(run, encodeURIComponent(inFolder))
    await copyOut(bundle, published, from)
    moves.push({ from, to: join(archiveFolder, inFolder) })
  }
  return moves
}

/**
 * Copies a file out of a bundle.
 *
 * @throws StorageFailed, StorageWriteFailed
 */
async function copyOut({ store }: OpenedBundle, key: string, path: string): Promise<void> {
  const object = await store.open(key)
  if (object === undefined) return
  try {
    await mkdir(join(path, '..'), { recursive: true })
    const content = object.stream({ start: 0, end: object.size })
    await pipeline(content, createWriteStream(path, { flags: 'wx', flush: true }))
  } catch (error) {
    throw error instanceof RefdepotError ? error : new StorageWriteFailed(path, error)
  }
}
