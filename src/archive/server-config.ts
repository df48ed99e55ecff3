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
  /** The `refdepot` section of the config the operator gave: settings of a server. */
  readonly settings: Readonly<Record<string, unknown>>
  /** Every file that was read on the way: a change of any of them can change the catalogue. */
  readonly files: readonly string[]
  /** Things worth telling an operator, one sentence each. */
  readonly notes: readonly string[]
}

/** Reads a config as `readGenomeConfig` does. */
export type ReadConfig = (path: string) => Promise<GenomeConfig>

// A folder with more YAML files than this is no genome folder; reading them all would take a start hostage.
const MOST_CANDIDATES = 20

/**
 * Reads a config for serving. When it is a build config (nothing archived in it), the server config that the archiver wrote is
 * looked for: where the config names it, in the archive folder, then beside the config.
 *
 * @param path - the config given by the operator
 * @param folder - archive folder given by the operator; it wins over the config
 * @param previous - the server config that was found before: while it is broken or gone nothing else takes its place, since a stray
 *   copy may lack what was controlled since
 * @param read - reads a config; a server has one that remembers
 * @throws ConfigUnreadable, ConfigInvalid of the given config, of the one where the archiver writes, and of the previous one
 */
export async function findServerConfig(
  path: string,
  folder?: string,
  previous?: string,
  read: ReadConfig = readGenomeConfig,
): Promise<ServerConfig> {
  const given = await read(path)
  const located = await locateFolder(given, folder)
  const { settings } = given
  const asGiven = { config: given, marks: [given.marks], settings, ...located, files: [given.file] }
  if (isArchived(given)) return asGiven
  const { sure, guessed } = await candidatesFor(given, located.archiveFolder)
  const kept = previous !== undefined && previous !== given.file
  for (const candidate of kept ? [previous] : [...sure, ...guessed]) {
    const config = await readCandidate(candidate, kept ? 'must' : sure.includes(candidate), read)
    if (config === undefined || (!isArchived(config) && !kept)) continue
    const found = await locateFolder(config, folder)
    const note = `${given.file} has nothing archived in it; serving ${config.file}, which the archiver wrote`
    return {
      config,
      // What the operator wrote counts at once, also when the archiver has not carried it over yet.
      marks: [given.marks, config.marks],
      settings,
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

/** Where the archiver writes, and where else it might have written. */
async function candidatesFor(
  config: GenomeConfig,
  archiveFolder: string,
): Promise<{ sure: string[]; guessed: string[] }> {
  const beside = dirname(config.file)
  const named = config.archiveConfig === undefined ? [] : [config.archiveConfig]
  const others = (files: readonly string[], known: readonly string[] = []) =>
    [...new Set(files)].filter(file => file !== config.file && !known.includes(file))
  const sure = others([...named, join(archiveFolder, basename(config.file))])
  const guessed = [...(await yamlFiles(archiveFolder)), ...(await yamlFiles(beside))]
  return { sure, guessed: others(guessed, sure) }
}

async function yamlFiles(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch(() => [])
  return names
    .filter(name => /\.ya?ml$/i.test(name))
    .sort()
    .slice(0, MOST_CANDIDATES)
    .map(name => join(folder, name))
}

/** A guessed file that is no genome config is passed over; one that ought to be a config may only be missing, or not even that. */
async function readCandidate(
  file: string,
  expected: boolean | 'must',
  read: ReadConfig,
): Promise<GenomeConfig | undefined> {
  return read(file).catch(error => {
    const missing = (error as { cause?: NodeJS.ErrnoException }).cause?.code === 'ENOENT'
    if (expected === 'must' || (expected && !missing)) throw error
    return undefined
  })
}
