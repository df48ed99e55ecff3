/** `withdraw`: takes a tag out of what is served, in a store or an archive folder; its name and digests go on to say that it was there. */
import { withConfigLock } from '../config/config-lock.ts'
import type { RawConfig } from '../config/genome-config-schema.ts'
import { readRawConfig } from '../config/raw-config.ts'
import { formatGenomeConfig } from '../config/write-genome-config.ts'
import type { CatalogueEntry } from '../domain/catalogue.ts'
import type { Genome } from '../domain/genome.ts'
import { WithdrawalRefused } from '../domain/publication-errors.ts'
import { selectTags } from './archive-target.ts'
import { finishPublishing, publish } from './publish.ts'
import { prepareConfig } from './publish-archives.ts'
import type { TagName } from './server-record.ts'

/** What changes a config; called again when somebody else was quicker. */
type ConfigChange = (config: RawConfig) => void

/**
 * The one tag that a registry path (`genome/asset:tag`, the genome by alias or digest) names.
 *
 * @throws NotInCatalogue; WithdrawalRefused when it names no tag
 */
export function oneTag(genomes: readonly Genome[], registryPath: string): CatalogueEntry {
  const [entry, ...more] = selectTags(genomes, [registryPath])
  if (entry !== undefined && more.length === 0 && registryPath.includes(':')) return entry
  const reason = 'name one tag, as genome/asset:tag'
  throw new WithdrawalRefused(registryPath, reason)
}

/** The names of an entry in a config. */
export function nameOfEntry({ genome, asset, tag }: CatalogueEntry): TagName {
  return { genome: genome.digest, asset: asset.name, tag: tag.name }
}

/**
 * Changes the server config of an archive folder, under its lock.
 *
 * @throws ConfigLocked, ConfigInvalid, StorageWriteFailed, and what the change throws
 */
export async function changeServerConfig(
  { configFile, archiveFolder }: { configFile: string; archiveFolder: string },
  change: ConfigChange,
): Promise<void> {
  await withConfigLock(configFile, async () => {
    await finishPublishing(archiveFolder)
    const config = await readRawConfig(configFile)
    change(config)
    const prepared = await prepareConfig(configFile, formatGenomeConfig(config))
    await publish(archiveFolder, [{ from: prepared, to: configFile }])
  })
}
