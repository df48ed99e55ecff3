/** Finds the config to serve and the folder its archives are in. */
import { readdir, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { type GenomeConfig, readGenomeConfig } from '../config/genome-config.ts'
import type { AccessMarks } from '../domain/access.ts'

/** A config with the folder that holds its archives. */
export interface ServerConfig {
  readonly config: GenomeConfig
  /** Absolute path. */
  readonly archiveFolder: string
  /** Who may see what, by every config that was read; the one the operator gave before the others. */
  readonly marks: readonly AccessMarks[]
  /** Every file that was read on the way: a change of any of them can change the catalogue. */
  readonly files: readonly string[]
  /** Things worth telling an operator, one sentence each. */
  readonly notes: readonly string[]
}

// A folder with more YAML files than this is no genome folder; reading them all would take a start hostage.
const MOST_CANDIDATES = 20

/**
 * Reads a config for serving. When it is a build config (nothing archived in it), the server config that the archiver wrote is
 * looked for: where the config names it, in the archive folder, then beside the config.
 *
 * @param path - the config given by the operator
 * @param folder - archive folder given by the operator; it wins over the config
 * @throws ConfigUnreadable, ConfigInvalid of the given config
 */
export async function findServerConfig(path: string, folder?: string): Promise<ServerConfig> {
  const given = await readGenomeConfig(path)
  const located = await locateFolder(given, folder)
  const asGiven = { config: given, marks: [given.marks], ...located, files: [given.file] }
  if (isArchived(given)) return asGiven
  for (const candidate of await candidatesFor(given, located.archiveFolder)) {
    const config = await readIfConfig(candidate)
    if (config === undefined || !isArchived(config)) continue
    const found = await locateFolder(config, folder)
    const note = `${given.file} has nothing archived in it; serving ${config.file}, which the archiver wrote`
    return {
      config,
      // What the operator wrote counts at once, also when the archiver has not carried it over yet.
      marks: [given.marks, config.marks],
      archiveFolder: found.archiveFolder,
      files: [given.file, config.file],
      notes: [note, ...found.notes],
    }
  }
  return asGiven
}

/** True when the archiver has been at this config. */
function isArchived(config: GenomeConfig): boolean {
  return config.genomes.some(genome =>
    [...genome.assets.values()].some(asset => [...asset.tags.values()].some(tag => tag.archived)),
  )
}

/** A folder that does not exist here (the config was moved, or a container mounts it elsewhere) is the config's own. */
async function locateFolder(
  config: GenomeConfig,
  given: string | undefined,
): Promise<{ archiveFolder: string; notes: string[] }> {
  if (given !== undefined) return { archiveFolder: given, notes: [] }
  const own = dirname(config.file)
  if (config.archiveFolder === undefined) return { archiveFolder: own, notes: [] }
  const exists = await stat(config.archiveFolder).then(
    stats => stats.isDirectory(),
    () => false,
  )
  if (exists) return { archiveFolder: config.archiveFolder, notes: [] }
  const note = `genome_archive_folder ${config.archiveFolder} does not exist here; using ${own}`
  return { archiveFolder: own, notes: [note] }
}

async function candidatesFor(config: GenomeConfig, archiveFolder: string): Promise<string[]> {
  const beside = dirname(config.file)
  const named = config.archiveConfig === undefined ? [] : [config.archiveConfig]
  const candidates = [
    ...named,
    join(archiveFolder, basename(config.file)),
    ...(await yamlFiles(archiveFolder)),
    ...(await yamlFiles(beside)),
  ]
  return [...new Set(candidates)].filter(file => file !== config.file)
}

async function yamlFiles(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch(() => [])
  return names
    .filter(name => /\.ya?ml$/i.test(name))
    .sort()
    .slice(0, MOST_CANDIDATES)
    .map(name => join(folder, name))
}

/** A file that is no genome config is passed over: it was only a guess. */
async function readIfConfig(file: string): Promise<GenomeConfig | undefined> {
  return readGenomeConfig(file).catch(() => undefined)
}
