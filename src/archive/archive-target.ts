/** Where archives are made: the source config, the archive folder, and the server config in it. */
import { stat } from 'node:fs/promises'
import { basename, isAbsolute, join, resolve } from 'node:path'
import { SettingInvalid } from '../config/config-error.ts'
import { type GenomeConfig, readGenomeConfig } from '../config/genome-config.ts'
import type { RawConfig } from '../config/genome-config-schema.ts'
import { readRawConfig } from '../config/raw-config.ts'
import type { CatalogueEntry } from '../domain/catalogue.ts'
import { entriesOf } from '../domain/catalogue.ts'
import { NotInCatalogue } from '../domain/errors.ts'
import { type Genome, tagNamed } from '../domain/genome.ts'
import { type ArchiveLayout, layoutNamed } from './archive-places.ts'
import { findServerConfig } from './server-config.ts'

/** Where archives are made. */
export interface ArchiveTarget {
  readonly source: GenomeConfig
  readonly rawSource: RawConfig
  /** Absolute path. */
  readonly archiveFolder: string
  /** Absolute path of the server config: it may not exist yet. */
  readonly configFile: string
  readonly layout: ArchiveLayout
  /** True when the server config is its own source (an import). */
  readonly inPlace?: boolean
}

/**
 * Reads a source config and finds out where its archives go.
 *
 * @param folder - archive folder given by the operator; it wins over the config
 * @throws SettingInvalid when no archive folder is named, ConfigUnreadable, ConfigInvalid
 */
export async function openTarget(config: string, folder?: string): Promise<ArchiveTarget> {
  const source = await readGenomeConfig(config)
  const rawSource = await readRawConfig(source.file)
  const archiveFolder = folder === undefined ? source.archiveFolder : resolve(folder)
  if (archiveFolder === undefined) {
    const allowed =
      'a folder for archives: genome_archive_folder in the config, $REFGENIE_GENOME_ARCHIVE_FOLDER, or `refdepot config set archive-folder DIR`'
    throw new SettingInvalid(`genome_archive_folder of ${source.file}`, '', allowed)
  }
  const configFile = source.archiveConfig ?? join(archiveFolder, basename(source.file))
  if (configFile === source.file) {
    const allowed = 'the config of a genome folder, not the one that the archiver writes'
    throw new SettingInvalid('--config', source.file, allowed)
  }
  const layout = layoutNamed(source.settings['archive-layout'])
  return { source, rawSource, archiveFolder, configFile, layout }
}

/**
 * The server config of an archive folder as its own source: for repacking what is archived already.
 *
 * @throws ConfigUnreadable, ConfigInvalid
 */
export async function openServerTarget(config: string, folder?: string): Promise<ArchiveTarget> {
  const found = await findServerConfig(config, folder)
  const { file, settings } = found.config
  return {
    source: found.config,
    rawSource: await readRawConfig(file),
    archiveFolder: resolve(found.archiveFolder),
    configFile: file,
    layout: layoutNamed(settings['archive-layout']),
    inPlace: true,
  }
}

/**
 * The tags that registry paths name; all tags without any path. A single word is a genome, an asset without tag means all its tags,
 * `latest` the tag that was published last, unless a tag is called so.
 *
 * @throws NotInCatalogue naming the path and what there is
 */
export function selectTags(
  genomes: readonly Genome[],
  registryPaths: readonly string[],
): CatalogueEntry[] {
  if (registryPaths.length === 0) return genomes.flatMap(genome => [...entriesOf(genome)])
  const selected = new Map<string, CatalogueEntry>()
  for (const path of registryPaths) {
    for (const entry of named(genomes, path)) {
      selected.set(`${entry.genome.digest}/${entry.asset.name}:${entry.tag.name}`, entry)
    }
  }
  return [...selected.values()]
}

function named(genomes: readonly Genome[], path: string): CatalogueEntry[] {
  const [, genomeName = path, assetName, tagName] = /^([^/]*)\/([^:]*)(?::(.*))?$/.exec(path) ?? []
  const genome = genomes.find(
    ({ digest, aliases }) => digest === genomeName || aliases.includes(genomeName),
  )
  if (genome === undefined) {
    const names = genomes.map(({ aliases, digest }) => aliases[0] ?? digest).join(', ')
    throw new NotInCatalogue(
      'unknown-genome',
      path,
      `${path}: there is no genome '${genomeName}'; there are ${names}`,
    )
  }
  const entries = [...entriesOf(genome)].filter(
    ({ asset }) => asset.name === (assetName ?? asset.name),
  )
  if (entries.length === 0) {
    const names = [...genome.assets.keys()].join(', ')
    throw new NotInCatalogue(
      'unknown-asset',
      path,
      `${path}: ${genomeName} has no asset '${assetName}'; it has ${names}`,
    )
  }
  const tagged =
    tagName === undefined
      ? entries
      : entries.filter(({ asset, tag }) => tag === tagNamed(asset, tagName))
  if (tagged.length === 0) {
    const names = entries.map(({ tag }) => tag.name).join(', ')
    throw new NotInCatalogue(
      'unknown-tag',
      path,
      `${path}: there is no tag '${tagName}'; there are ${names}`,
    )
  }
  return tagged
}

/**
 * The folder with the files of a tag (reference §1.2): below `data`, else where `asset_path` says.
 * When there is none the first place is answered: it is the one to complain about.
 */
export async function tagFolderOf(genomeFolder: string, entry: CatalogueEntry): Promise<string> {
  const { genome, tag } = entry
  const path = tag.assetPath
  const usual = join(genomeFolder, 'data', genome.digest, path, tag.name)
  const places = isAbsolute(path)
    ? [join(path, tag.name), path]
    : [usual, join(genomeFolder, path, tag.name)]
  for (const place of places) {
    const stats = await stat(place).catch(() => undefined)
    if (stats?.isDirectory() === true) return place
  }
  return places[0] as string
}
