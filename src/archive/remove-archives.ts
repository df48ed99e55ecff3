/** `archive remove`: takes archives out of the server config; their files stay unless they are purged. What is withdrawn stays known. */
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { withConfigLock } from '../config/config-lock.ts'
import { readRawConfig } from '../config/raw-config.ts'
import { formatGenomeConfig } from '../config/write-genome-config.ts'
import type { CatalogueEntry } from '../domain/catalogue.ts'
import { archiveKeys, foldersOf, sideFileName } from './archive-places.ts'
import { LEDGER_SUFFIX } from './digest-ledger.ts'
import { INDEX_SUFFIX } from './member-index.ts'
import { finishPublishing, publish } from './publish.ts'
import { prepareConfig } from './publish-archives.ts'
import { findTag, removeTag } from './server-record.ts'

/** What is removed, from where. */
export interface RemoveOrder {
  /** The server config. */
  readonly configFile: string
  readonly archiveFolder: string
  readonly entries: readonly CatalogueEntry[]
  /** Delete the files too. */
  readonly purge: boolean
}

/**
 * Removes archives and answers the files that were deleted.
 *
 * @throws ConfigLocked, ConfigInvalid, StorageWriteFailed
 */
export async function removeArchives(order: RemoveOrder): Promise<string[]> {
  const { configFile, archiveFolder, entries, purge } = order
  return withConfigLock(configFile, async () => {
    await finishPublishing(archiveFolder)
    const config = await readRawConfig(configFile)
    for (const { genome, asset, tag } of entries) {
      const name = { genome: genome.digest, asset: asset.name, tag: tag.name }
      // The name of a withdrawn tag stays taken; only its files can go.
      if (findTag(config, name)?.withdrawn == null) removeTag(config, name)
    }
    const removals = purge ? await filesThere(archiveFolder, entries) : []
    const prepared = await prepareConfig(configFile, formatGenomeConfig(config))
    await publish(archiveFolder, [{ from: prepared, to: configFile }], removals)
    return removals
  })
}

/** Absolute paths of every file of the given tags that is there: archives, what lies beside them, records of digests. */
export async function filesThere(
  archiveFolder: string,
  entries: readonly CatalogueEntry[],
): Promise<string[]> {
  const found: string[] = []
  for (const entry of entries) {
    const archives = (['stored', 'legacy'] as const).flatMap(form => archiveKeys(entry, form))
    const names = (['log', 'recipe', 'contents'] as const).map(file => sideFileName(entry, file))
    const keys = [
      ...archives.flatMap(key => [key, key + INDEX_SUFFIX, key + LEDGER_SUFFIX]),
      ...foldersOf(entry, 'legacy').flatMap(folder => names.map(name => `${folder}/${name}`)),
    ]
    for (const path of new Set(keys.map(key => join(archiveFolder, key)))) {
      const stats = await stat(path).catch(() => undefined)
      if (stats?.isFile() === true) found.push(path)
    }
  }
  return found
}
