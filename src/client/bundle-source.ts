/** Where the files of a bundle come from: the archive folder of a config, or another server. */
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { FOLDER_PLACES, sideFileName } from '../archive/archive-places.ts'
import { archivePath, readIndex } from '../archive/archive-plan.ts'
import { INDEX_SUFFIX, type MemberIndex } from '../archive/member-index.ts'
import { findServerConfig } from '../archive/server-config.ts'
import { findTag } from '../archive/server-record.ts'
import { SIDE_FILES } from '../archive/side-files.ts'
import { filesOfTag, type TagFile } from '../archive/tag-files.ts'
import type { RawConfig } from '../config/genome-config-schema.ts'
import { readPolicy } from '../config/policy.ts'
import { readRawConfig } from '../config/raw-config.ts'
import { AccessTable } from '../domain/access.ts'
import { Catalogue, type CatalogueEntry, registryPathOf } from '../domain/catalogue.ts'
import { PullRefused } from '../domain/transfer-errors.ts'
import type { TransferOptions } from '../transfer/transfer-options.ts'
import { fetchTag } from './fetch-tag.ts'
import { tagName } from './mirror-plan.ts'
import { remoteSource } from './remote-source.ts'

/** A file that goes into a bundle. */
export interface SourceFile extends TagFile {
  /** Absolute path. */
  readonly path: string
}

/** All files of a tag. */
export interface SourceTag {
  readonly files: readonly SourceFile[]
  /** Undefined for archives of other tools. */
  readonly index?: MemberIndex
}

/** See the head of this file. */
export interface BundleSource {
  readonly catalogue: Catalogue
  readonly config: RawConfig
  /** The files of a tag, fetched when they are elsewhere. Throws RemoteFailed, DigestMismatch, PullRefused, StorageWriteFailed. */
  filesOf(entry: CatalogueEntry): Promise<SourceTag>
}

/** How the archive folder of a config is found. */
export interface FolderOptions {
  /** Archive folder given by the operator; it wins over the config. */
  readonly folder?: string
  /** Path of the policy, by the settings that the config has; empty without one. */
  readonly policyOf: (settings: Readonly<Record<string, unknown>>) => string
}

/**
 * The archive folder of a config, as `serve` would find it. What is controlled there is marked so.
 *
 * @throws ConfigUnreadable, ConfigInvalid (of the policy too)
 */
export async function folderSource(
  path: string,
  { folder, policyOf }: FolderOptions,
): Promise<BundleSource> {
  const { config, archiveFolder, marks, settings } = await findServerConfig(path, folder)
  const policyFile = policyOf(settings)
  const policy = policyFile === '' ? undefined : await readPolicy(policyFile)
  const raw = await readRawConfig(config.file)
  const catalogue = new Catalogue({ genomes: config.genomes })
  const access = new AccessTable(config.genomes, { configs: marks, ...(policy && { policy }) })
  for (const entry of catalogue.entries()) {
    const tag = findTag(raw, tagName(entry))
    // What another config of the same folder says counts too, and goes along with the tag.
    if (tag !== undefined && access.isControlled(entry)) tag.access ??= 'controlled'
  }
  return { catalogue, config: raw, filesOf: entry => filesInFolder(archiveFolder, entry) }
}

/**
 * Another server.
 *
 * @param staging - absolute path of a folder for what is fetched; a later run goes on with what is there
 * @throws RemoteFailed, ConfigInvalid
 */
export async function serverSource(
  server: string,
  staging: string,
  transfer: TransferOptions,
): Promise<BundleSource> {
  const { network, signal } = transfer
  const source = await remoteSource(server, { network, ...(signal && { signal }) })
  const filesOf = (entry: CatalogueEntry) => {
    const { genome, asset, tag } = entry
    const folder = join(staging, `${genome.digest}_${asset.name}__${tag.name}`)
    return fetchTag(source, entry, folder, transfer)
  }
  return { catalogue: source.catalogue, config: source.config, filesOf }
}

async function filesInFolder(archiveFolder: string, entry: CatalogueEntry): Promise<SourceTag> {
  const archive = await archivePath({ archiveFolder }, entry)
  if (archive === undefined)
    throw new PullRefused(`${registryPathOf(entry)}: its archive is missing`)
  const index = await readIndex(archive)
  const places: Record<TagFile['kind'], readonly string[]> = {
    archive: [archive],
    index: index === undefined ? [] : [archive + INDEX_SUFFIX],
    legacy: index === undefined ? legacyPlaces(archiveFolder, entry) : [],
    side: sidePlaces(archiveFolder, entry),
  }
  const files: SourceFile[] = []
  for (const file of filesOfTag(entry)) {
    const name = file.published.replace(/^.*\//, '')
    const path = await firstOf(
      file.kind === 'side' ? places.side.filter(it => it.endsWith(`/${name}`)) : places[file.kind],
    )
    if (path !== undefined) files.push({ ...file, path })
  }
  return { files, ...(index && { index }) }
}

function legacyPlaces(archiveFolder: string, entry: CatalogueEntry): string[] {
  return FOLDER_PLACES.archiveKeys(entry, 'legacy').map(key => join(archiveFolder, key))
}

function sidePlaces(archiveFolder: string, entry: CatalogueEntry): string[] {
  return FOLDER_PLACES.foldersOf(entry, 'stored').flatMap(folder =>
    SIDE_FILES.map(side => join(archiveFolder, folder, sideFileName(entry, side))),
  )
}

async function firstOf(paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths) {
    const stats = await stat(path).catch(() => undefined)
    if (stats?.isFile() === true) return path
  }
  return undefined
}
