/** What is in a folder that assets were pulled into, by us or by the Python client. Takes no lock and writes nothing. */
import { lstat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { RawConfig } from '../config/genome-config-schema.ts'
import { NotInCatalogue } from '../domain/errors.ts'
import { ClientConfig, genomeFolderOf } from './client-config.ts'
import { CONFIG_NAME } from './open-target.ts'
import { type PlacedRecord, readRecord, readRecords } from './placed-record.ts'
import type { Form } from './target-layout.ts'

/** A genome config, or a folder of any layout. */
export interface LocalPlace {
  readonly config?: string
  readonly folder?: string
}

/** An asset that is here. */
export interface LocalAsset {
  /** `alias/asset:tag` as it was asked for, or with the first alias of the config. */
  readonly registryPath: string
  readonly genome: string
  readonly aliases: readonly string[]
  readonly asset: string
  readonly tag: string
  /** True for the tag that is meant when none is named. */
  readonly isDefault: boolean
  readonly form: Form
  /** Absolute: the folder of the asset, or the archive. */
  readonly path: string
  /** False for what a config names, but is gone. */
  readonly isThere: boolean
  readonly seekKeys: Readonly<Record<string, string>>
  /** md5 over the files, of refgenie 0.x. */
  readonly assetDigest?: string
  /** Folder with the alias tree; undefined without one. */
  readonly genomeFolder?: string
  /** What was noted when it was placed; undefined for what others have put there. */
  readonly record?: PlacedRecord
}

/**
 * Lists what is in a folder: what its genome config names, and what was placed without one. An empty folder has nothing.
 *
 * @throws ConfigUnreadable, ConfigInvalid, StorageFailed; NotInCatalogue when there is no such folder
 */
export async function listLocal({ config, folder = '.' }: LocalPlace): Promise<LocalAsset[]> {
  const assets: LocalAsset[] = []
  const file = config ?? join(folder, CONFIG_NAME)
  if (config !== undefined || (await exists(file))) assets.push(...(await inConfig(file)))
  if (config !== undefined) return assets
  if (!(await exists(folder))) {
    throw new NotInCatalogue('unknown-asset', folder, `there is no folder ${resolve(folder)}`)
  }
  for (const record of await readRecords(resolve(folder))) {
    assets.push(await ofRecord(record, resolve(folder)))
  }
  return assets
}

async function inConfig(path: string): Promise<LocalAsset[]> {
  const config = new ClientConfig(path)
  const raw = await config.read()
  const genomeFolder = genomeFolderOf(raw, config.file)
  const root = join(genomeFolder, 'data')
  const assets: LocalAsset[] = []
  for (const { digest, asset, tag } of tagsOf(raw)) {
    const found = await inData(raw, genomeFolder, [digest, asset, tag])
    if (found !== undefined) assets.push(found)
  }
  for (const record of await readRecords(root)) {
    if (record.form === 'archive') assets.push(await ofRecord(record, root))
  }
  return assets
}

function* tagsOf(raw: RawConfig) {
  for (const [digest, genome] of Object.entries(raw.genomes ?? {})) {
    for (const [asset, { tags } = {}] of entriesOf(genome?.assets)) {
      for (const tag of Object.keys(tags ?? {})) yield { digest, asset, tag }
    }
  }
}

function entriesOf<T>(map: Readonly<Record<string, T | null>> | null | undefined) {
  return Object.entries(map ?? {}).map(([key, value]) => [key, value ?? undefined] as const)
}

/** A tag of a config; undefined for one that is only noted as the parent of another. */
async function inData(
  raw: RawConfig,
  genomeFolder: string,
  [digest, name, tag]: readonly [string, string, string],
): Promise<LocalAsset | undefined> {
  const genome = raw.genomes?.[digest]
  const asset = genome?.assets?.[name]
  const attributes = asset?.tags?.[tag]
  if (attributes?.asset_path === undefined) return undefined
  const root = join(genomeFolder, 'data')
  const record = await readRecord(root, `${digest}/${name}/${tag}`)
  // The Python client may have put something else there since.
  const isOfRecord = (record?.asset_digest ?? '') === (attributes.asset_digest ?? '')
  const aliases = genome?.aliases ?? []
  const path = join(root, digest, attributes.asset_path, tag)
  return {
    registryPath: `${aliases[0] ?? digest}/${name}:${tag}`,
    genome: digest,
    aliases,
    asset: name,
    tag,
    isDefault: (asset?.default_tag || Object.keys(asset?.tags ?? {})[0]) === tag,
    form: 'folder',
    path,
    isThere: await exists(path),
    seekKeys: attributes.seek_keys ?? {},
    ...(attributes.asset_digest !== undefined && { assetDigest: attributes.asset_digest }),
    genomeFolder,
    ...(record !== undefined && isOfRecord && { record }),
  }
}

async function ofRecord(record: PlacedRecord, root: string): Promise<LocalAsset> {
  const path = join(root, record.place)
  const [asked = ''] = record.registry_path.split('/')
  return {
    registryPath: record.registry_path,
    genome: record.genome.digest,
    // Where folders have names, the name it was asked by is the one it has here.
    aliases: [...new Set([asked, ...record.genome.aliases])].filter(
      alias => alias !== record.genome.digest,
    ),
    asset: record.asset,
    tag: record.tag,
    isDefault: record.tag === record.default_tag,
    form: record.form,
    path,
    isThere: await exists(path),
    seekKeys: record.seek_keys,
    ...(record.asset_digest !== undefined && { assetDigest: record.asset_digest }),
    record,
  }
}

/** True when something lies at a path. */
export function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  )
}
