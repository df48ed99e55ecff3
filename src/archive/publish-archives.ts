/** Publishes archives together with the server config that names them. */
import { readFile, writeFile } from 'node:fs/promises'
import { withConfigLock } from '../config/config-lock.ts'
import type { RawConfig } from '../config/genome-config-schema.ts'
import { formatGenomeConfig } from '../config/write-genome-config.ts'
import { StorageWriteFailed } from '../domain/errors.ts'
import { readServerConfig } from './archive-plan.ts'
import type { ArchiveTarget } from './archive-target.ts'
import { finishPublishing, type Move, publish } from './publish.ts'
import { type ArchivedTag, followSource, newServerConfig, recordArchive } from './server-record.ts'

// What took hours to pack is not given up because another tool writes the config for a while.
const PATIENCE = { waitMs: 120_000 }

/** What is published together. */
export interface Publication {
  readonly moves: readonly Move[]
  readonly records: readonly ArchivedTag[]
  /** Absolute paths of files that go. */
  readonly removals: readonly string[]
  /** Genome digest or alias → description. */
  readonly descriptions?: ReadonlyMap<string, string> | undefined
}

/**
 * Merges records into the server config as it is now (another run may have changed it) and publishes all of it.
 *
 * @throws ConfigLocked, ConfigInvalid, StorageWriteFailed
 */
export async function publishArchives(
  target: ArchiveTarget,
  publication: Publication,
): Promise<void> {
  const { moves, records, removals, descriptions } = publication
  await withConfigLock(
    target.configFile,
    async () => {
      await finishPublishing(target.archiveFolder)
      const config = (await readServerConfig(target)) ?? newServerConfig(target.rawSource)
      // An import has no other source than the server config, and that may have changed since it was read.
      const source = target.inPlace === true ? structuredClone(config) : target.rawSource
      followSource(config, source)
      if (target.inPlace !== true) placeFolders(config, target)
      for (const record of records) recordArchive(config, source, record)
      describe(config, descriptions)
      const text = formatGenomeConfig(config)
      const before = await readFile(target.configFile, 'utf8').catch(() => undefined)
      if (text === before && moves.length === 0) return
      const prepared = await prepareConfig(target.configFile, text)
      const placed = new Set(moves.map(({ to }) => to))
      const gone = removals.filter(path => !placed.has(path))
      await publish(
        target.archiveFolder,
        [...moves, { from: prepared, to: target.configFile }],
        gone,
      )
    },
    PATIENCE,
  )
}

/** Writes the next config beside the present one; with the lock held one name is enough. */
export async function prepareConfig(configFile: string, text: string): Promise<string> {
  const prepared = `${configFile}.part`
  await writeFile(prepared, text, { flush: true }).catch(error => {
    throw new StorageWriteFailed(configFile, error)
  })
  return prepared
}

/** The server config lies elsewhere than its source: paths that were relative to that, or overruled by the operator, are written out. */
function placeFolders(config: RawConfig, { source, archiveFolder }: ArchiveTarget): void {
  config.genome_archive_folder = archiveFolder
  config.genome_folder = source.genomeFolder
}

function describe(config: RawConfig, descriptions: ReadonlyMap<string, string> = new Map()): void {
  for (const [digest, genome] of Object.entries(config.genomes ?? {})) {
    if (genome == null) continue
    const names = [digest, ...(genome.aliases ?? [])]
    const text = names.map(name => descriptions.get(name)).find(found => found !== undefined)
    if (text !== undefined) genome.genome_description = text
  }
}
