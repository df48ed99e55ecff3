/** What a pull will do: what is there, what is fetched, and whether it fits. */
import { parseSize } from '../domain/human-size.ts'
import { inParallel } from '../domain/in-parallel.ts'
import type { PullOptions } from './pull.ts'
import type { RemoteAsset } from './remote-asset.ts'
import { mustHaveRoom } from './room.ts'
import type { PullItem } from './wanted.ts'

/** See the head of this file. */
export interface Plan {
  /** In place, with their paths. */
  readonly current: readonly { readonly asset: RemoteAsset; readonly path: string }[]
  readonly missing: readonly RemoteAsset[]
}

// Looks at the disk under way.
const PARALLEL = 8

/**
 * Finds out what is to be done. Writes nothing.
 *
 * @throws PullRefused, StorageWriteFailed, DiskFull
 */
export async function planPull(items: readonly PullItem[], options: PullOptions): Promise<Plan> {
  const { target, force = false, archive = false, onEvent } = options
  const assets = items.map(({ asset }) => asset)
  target.mustDiffer(assets)
  const paths = new Array<string | undefined>(assets.length)
  await inParallel([...assets.entries()], PARALLEL, async ([i, asset]) => {
    options.signal?.throwIfAborted()
    if (!force) paths[i] = await target.find(asset)
    if (paths[i] === undefined) await target.mustAccept(asset)
  })
  const current = assets.flatMap((asset, i) => {
    const path = paths[i]
    return path === undefined ? [] : [{ asset, path }]
  })
  const missing = assets.filter((_, i) => paths[i] === undefined)
  await mustHaveRoom(
    options.folder,
    sumOf(missing, asset => bytesOnDisk(asset, archive)),
  )
  const bytes = sumOf(missing, asset => asset.archive.size)
  onEvent?.({ event: 'planned', assets: assets.length, current: current.length, bytes })
  return { current, missing }
}

/** About how many bytes an asset takes: servers tell its unpacked size with two decimals. */
function bytesOnDisk({ archive, attributes }: RemoteAsset, asArchive: boolean): number {
  const unpacked = asArchive ? undefined : parseSize(attributes.asset_size ?? '')
  return Math.max(archive.size, unpacked ?? 0)
}

function sumOf(assets: readonly RemoteAsset[], bytes: (asset: RemoteAsset) => number): number {
  return assets.reduce((sum, asset) => sum + bytes(asset), 0)
}
