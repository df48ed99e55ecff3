/** Makes locks: of what servers have now, or of what a folder has. */
import { join } from 'node:path'
import { fileDigests } from '../archive/file-digests.ts'
import { filesOf } from '../archive/member-index.ts'
import { findTag } from '../archive/server-record.ts'
import type { RawConfig, RawTag } from '../config/genome-config-schema.ts'
import { readRawConfig } from '../config/raw-config.ts'
import { inParallel } from '../domain/in-parallel.ts'
import { LockRefused } from '../domain/lock-errors.ts'
import type { Network } from '../transfer/network.ts'
import { indexOf } from './archive-facts.ts'
import { exists, type LocalAsset, type LocalPlace, listLocal } from './local-assets.ts'
import { contentsDigest, type LockedAsset, lockedAsset } from './lock-file.ts'
import { CONFIG_NAME } from './open-target.ts'
import type { PlacedRecord } from './placed-record.ts'
import type { RemoteAsset } from './remote-asset.ts'

const PARALLEL = 8

/**
 * Locks what servers have. Of archives of other tools nobody knows the files; they are locked by the archive alone.
 *
 * @throws RemoteFailed
 */
export async function lockRemote(
  assets: readonly RemoteAsset[],
  network: Network,
  signal?: AbortSignal,
): Promise<LockedAsset[]> {
  const locked = new Array<LockedAsset>(assets.length)
  await inParallel([...assets.entries()], PARALLEL, async ([i, asset]) => {
    const index = await indexOf(asset, network, signal)
    const sha256 = asset.archive.sha256 ?? index?.archive.sha256
    const archive = { ...asset.archive, ...(sha256 !== undefined && { sha256 }) }
    locked[i] = lockedAsset({ ...asset, archive }, index && contentsDigest(filesOf(index)))
  })
  return locked
}

/**
 * Locks what refdepot has placed in a folder; files whose digests nobody knew are read.
 *
 * @returns the assets, and the addresses they came from
 * @throws LockRefused when there is nothing, or something of it is missing; NotInCatalogue, ConfigUnreadable, ConfigInvalid, StorageFailed
 */
export async function lockFolder(
  place: LocalPlace,
): Promise<{ assets: LockedAsset[]; servers: string[] }> {
  const local = (await listLocal(place)).filter(({ form }) => form === 'folder')
  const file = place.config ?? join(place.folder ?? '.', CONFIG_NAME)
  const config = (await exists(file)) ? await readRawConfig(file) : undefined
  const assets: LockedAsset[] = []
  const servers = new Set<string>()
  for (const asset of local) {
    if (asset.record === undefined) continue
    if (!asset.isThere) throw new LockRefused(`${asset.path} is missing; pull it again`)
    assets.push(await lockedLocal(asset, asset.record, config))
    if (/^https?:/.test(asset.record.server)) servers.add(asset.record.server)
  }
  if (assets.length > 0) return { assets, servers: [...servers].sort() }
  throw new LockRefused(
    'there is nothing that refdepot has pulled; name what to lock: refdepot lock REGISTRY_PATH… --server URL',
  )
}

async function lockedLocal(
  { path, genome, asset, tag }: LocalAsset,
  record: PlacedRecord,
  config: RawConfig | undefined,
): Promise<LockedAsset> {
  const { asset_digest, seek_keys, server, registry_path, default_tag, archive } = record
  const attributes: RawTag = {
    ...(config && findTag(config, { genome, asset, tag })),
    ...(asset_digest !== undefined && { asset_digest }),
    seek_keys,
  }
  const files: { path: string; sha256: string }[] = []
  for (const file of record.files) {
    const sha256 = file.sha256 ?? (await fileDigests(join(path, file.path))).sha256
    files.push({ path: file.path, sha256 })
  }
  const remote: RemoteAsset = {
    server,
    registryPath: registry_path,
    genome: record.genome,
    asset: { name: asset, defaultTag: default_tag },
    tag,
    attributes,
    archive: { ...archive, indexed: false, urls: [] },
  }
  return lockedAsset(remote, contentsDigest(files))
}
