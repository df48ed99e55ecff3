/**
 * `bundle import`: the assets of a bundle into a folder as `pull` would put them there, all of them or none.
 *
 * The whole bundle is compared and everything unpacked beside the folder before the first asset appears; when one cannot be placed after all, those
 * before it are taken back. A process that is killed between two assets leaves whole ones; importing again goes on.
 */
import { randomUUID } from 'node:crypto'
import { mkdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileDigests } from '../archive/file-digests.ts'
import { filesOf } from '../archive/member-index.ts'
import { DEFAULT_SERVER } from '../config/genome-config.ts'
import { StorageWriteFailed } from '../domain/errors.ts'
import { DigestMismatch } from '../domain/transfer-errors.ts'
import { extractTar } from '../transfer/extract-tar.ts'
import { type BundledAsset, bundledAssets } from './bundled-assets.ts'
import { FolderState } from './folder-state.ts'
import { checkBundle, type OpenedBundle } from './open-bundle.ts'
import { CONFIG_NAME, openTarget, type TargetPlace } from './open-target.ts'
import { HIDDEN_FOLDER } from './placed-record.ts'
import type { FilledFile, Placed, PullTarget } from './pull-target.ts'
import { mustHaveRoom } from './room.ts'

/** Where a bundle goes. */
export interface ImportPlace {
  readonly place: TargetPlace
  /** Absolute path of the folder that is written to; it need not exist. */
  readonly folder: string
  /** Servers that a new genome config is subscribed to; the one of `refgenie init` without any. */
  readonly servers: readonly string[]
}

/** An asset that is in place. */
export interface ImportedAsset extends Placed {
  readonly registryPath: string
}

/**
 * Imports a bundle.
 *
 * @throws DigestMismatch, BundleRefused, PullRefused when something else lies at the place of an asset, DiskFull, ConfigLocked, ConfigInvalid,
 *   StorageFailed, StorageWriteFailed; nothing has changed then
 */
export async function importAssets(
  bundle: OpenedBundle,
  { place, folder, servers }: ImportPlace,
): Promise<ImportedAsset[]> {
  const subscribed = servers.length > 0 ? servers : [DEFAULT_SERVER]
  const target = await openTarget(place, { servers: subscribed })
  const assets = await bundledAssets(bundle)
  target.mustDiffer(assets.map(({ asset }) => asset))
  const missing: BundledAsset[] = []
  for (const it of assets) {
    await target.mustAccept(it.asset)
    if ((await target.find(it.asset)) === undefined) missing.push(it)
  }
  await checkBundle(bundle)
  await mustHaveRoom(
    folder,
    missing.reduce((sum, it) => sum + unpackedSize(it), 0),
  )
  const config = place.config ?? join(folder, CONFIG_NAME)
  const state = await FolderState.of(folder, config)
  const isGenomeFolder = place.config !== undefined || place.layout === 'refgenie'
  const root = isGenomeFolder ? join(folder, 'data') : folder
  const run = join(root, HIDDEN_FOLDER, `import-${process.pid}-${randomUUID()}`)
  try {
    const prepared: Prepared[] = []
    for (const it of missing)
      prepared.push(await unpacked(bundle, it, join(run, String(prepared.length)), target))
    const placed = await placeAll(target, assets, prepared, state)
    await rm(run, { recursive: true, force: true })
    return placed
  } catch (error) {
    await rm(run, { recursive: true, force: true })
    await state.undo(missing.map(({ asset }) => asset))
    throw error
  }
}

interface Prepared {
  readonly bundled: BundledAsset
  readonly folder: string
  readonly files: readonly FilledFile[]
}

async function placeAll(
  target: PullTarget,
  assets: readonly BundledAsset[],
  prepared: readonly Prepared[],
  state: FolderState,
): Promise<ImportedAsset[]> {
  const imported: ImportedAsset[] = []
  for (const { asset } of assets) {
    const ready = prepared.find(({ bundled }) => bundled.asset === asset)
    const placed = await target.place(asset, async (staging, note) => {
      // Found at first, gone by now.
      if (ready === undefined)
        throw new StorageWriteFailed(staging, new Error('it changed; import again'))
      await rm(staging, { recursive: true, force: true })
      await rename(ready.folder, staging)
      note(ready.files)
    })
    imported.push({ ...placed, registryPath: asset.registryPath })
    await state.placed()
  }
  return imported
}

/** Unpacks an archive that was compared as a whole; what its index says of the files is compared too. */
async function unpacked(
  { store }: OpenedBundle,
  bundled: BundledAsset,
  folder: string,
  target: PullTarget,
): Promise<Prepared> {
  const { asset, archive, index } = bundled
  await mkdir(join(folder, '..'), { recursive: true }).catch(error => {
    throw new StorageWriteFailed(folder, error)
  })
  const object = await store.open(archive)
  if (object === undefined)
    throw new DigestMismatch(`${asset.registryPath}: its archive is missing`)
  const packed = object.stream({ start: 0, end: object.size })
  await extractTar(packed, {
    folder,
    subject: asset.registryPath,
    // As `pull` does: refgenieserver packs links to files of other assets by their absolute paths.
    outsideLink: (path, to) => target.linkOutside(asset, path, to),
  })
  const files: FilledFile[] = []
  for (const { path, sha256 } of index === undefined ? [] : filesOf(index)) {
    const found = await fileDigests(join(folder, path)).catch(() => undefined)
    if (found?.sha256 !== sha256) {
      throw new DigestMismatch(`${asset.registryPath}: ${path} is not what the index says of it`)
    }
    files.push({ path, sha256 })
  }
  return { bundled, folder, files }
}

/** Bytes of the files as far as they are known; the archive has less. */
function unpackedSize({ asset, index }: BundledAsset): number {
  if (index === undefined) return asset.archive.size
  return filesOf(index).reduce((sum, { size }) => sum + size, 0)
}
