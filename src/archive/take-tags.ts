/** Takes tags of another place into an archive folder: their files and what the server config says of them appear together. */
import { mkdir, readFile, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { withConfigLock } from '../config/config-lock.ts'
import type { RawConfig, RawTag } from '../config/genome-config-schema.ts'
import { readRawConfig } from '../config/raw-config.ts'
import { formatGenomeConfig } from '../config/write-genome-config.ts'
import { StorageWriteFailed } from '../domain/errors.ts'
import { PROVENANCE_KEYS } from '../domain/provenance.ts'
import { finishPublishing, type Move, publish } from './publish.ts'
import { prepareConfig } from './publish-archives.ts'
import { findTag, recordPublished, removeTag, type TagName } from './server-record.ts'

/** An archive folder with its server config. */
export interface TakingFolder {
  /** Absolute path. */
  readonly archiveFolder: string
  /** Absolute path; it may not exist yet. */
  readonly configFile: string
}

/** What is taken. */
export interface TakenTags {
  /** Says what there is to say of the tags. */
  readonly source: RawConfig
  readonly tags: readonly TagName[]
  /** Prepared files and where they go. */
  readonly moves: readonly Move[]
  /** Tags that go. */
  readonly gone?: readonly TagName[]
  /** Absolute paths of files that go. */
  readonly removals?: readonly string[]
}

// What took hours to fetch is not given up because another tool writes the config for a while.
const PATIENCE = { waitMs: 120_000 }

/** Name of the server config in a folder that is made here. */
export const SERVER_CONFIG = 'genome_config.yaml'

/** The config of an archive folder as it is; an empty one when there is none. Throws ConfigInvalid, ConfigUnreadable. */
export async function configOfFolder({ configFile }: TakingFolder): Promise<RawConfig> {
  const there = await stat(configFile).catch(() => undefined)
  return there === undefined ? { config_version: '0.4', genomes: {} } : readRawConfig(configFile)
}

/**
 * Publishes tags in an archive folder, all of them or none; a server over it sees the state before or the one after. What somebody has written there by
 * hand of access and provenance stays as long as the source says nothing of it.
 *
 * @throws ConfigLocked, ConfigInvalid, StorageWriteFailed
 */
export async function takeTags(folder: TakingFolder, taken: TakenTags): Promise<void> {
  const { archiveFolder, configFile } = folder
  await mkdir(dirname(configFile), { recursive: true }).catch(error => {
    throw new StorageWriteFailed(dirname(configFile), error)
  })
  const take = async () => {
    await finishPublishing(archiveFolder)
    const config = await configOfFolder(folder)
    change(config, taken)
    const text = formatGenomeConfig(config)
    const before = await readFile(configFile, 'utf8').catch(() => undefined)
    const { moves, removals = [] } = taken
    if (text === before && moves.length === 0 && removals.length === 0) return
    const prepared = await prepareConfig(configFile, text)
    const placed = new Set(moves.map(({ to }) => to))
    const going = removals.filter(path => !placed.has(path))
    await publish(archiveFolder, [...moves, { from: prepared, to: configFile }], going)
  }
  await withConfigLock(configFile, take, PATIENCE)
}

function change(config: RawConfig, { source, tags, gone = [] }: TakenTags): void {
  const now = new Date().toISOString()
  for (const name of tags) {
    const before = findTag(config, name)
    const kept = before === undefined ? {} : marksOf(before)
    recordPublished(config, source, { ...name, keepsArchive: false, now })
    const after = findTag(config, name)
    if (after !== undefined) Object.assign(after, { ...kept, ...after })
  }
  for (const name of gone) removeTag(config, name)
}

/** What a tag says of access and provenance. */
function marksOf(tag: RawTag): RawTag {
  const keys = ['access', 'study', ...PROVENANCE_KEYS]
  return Object.fromEntries(Object.entries(tag).filter(([key]) => keys.includes(key)))
}
