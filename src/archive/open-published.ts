/** Opens a published store by the name of its place, with a cache before it when there is one. */
import { stat } from 'node:fs/promises'
import { SettingInvalid } from '../config/config-error.ts'
import { CacheFolder } from '../storage/cache-folder.ts'
import { CachingStore } from '../storage/caching-store.ts'
import { openStore } from '../storage/open-store.ts'
import type { Store } from '../storage/store.ts'
import { BundleStore } from './bundle-store.ts'
import { IndexShelf } from './index-shelf.ts'
import { LooseArchives } from './loose-archive.ts'
import { MIRROR_RULES } from './mirror-rules.ts'
import { RemoteServer } from './remote-server.ts'

/** A folder that keeps what was fetched from a store. */
export interface CacheSettings {
  readonly folder: string
  /** Bytes that it may hold. */
  readonly bytes: number
  /** Told when something cannot be kept. */
  readonly onProblem?: (error: unknown) => void
}

/** Where a published store is. */
export interface PublishedPlace {
  /** A folder, `s3://BUCKET/PREFIX`, the URL of another server, or a bundle (a file). */
  readonly place: string
  readonly allowedRoots?: readonly string[]
  readonly cache?: CacheSettings
}

// Whoever serves keeps the indexes too: these only tell how archives are put together.
const LOOSE_INDEX_BYTES = 16 * 1024 * 1024

/** True for the address of another server. */
export function isServerUrl(place: string): boolean {
  return /^https?:\/\//.test(place)
}

/** True for a file: of all places only a bundle is one. */
async function isBundle(place: string): Promise<boolean> {
  const stats = await stat(place).catch(() => undefined)
  return stats?.isFile() === true
}

/** Before any cache: what is put together of loose files is kept and compared as every archive is. */
function withLooseArchives(store: Store): Store {
  return new LooseArchives(store, new IndexShelf(store, LOOSE_INDEX_BYTES))
}

/**
 * The store at a place.
 *
 * @throws SettingInvalid for another server without a cache: what it sends could not be compared before it is given away; BundleRefused,
 *   StorageFailed, StorageWriteFailed
 */
export async function openPublished(published: PublishedPlace): Promise<Store> {
  const { place, allowedRoots, cache } = published
  if (isServerUrl(place) && cache === undefined) {
    throw new SettingInvalid('--cache-folder', '', 'a folder for what is fetched from that server')
  }
  const origin = isServerUrl(place)
    ? new RemoteServer(place)
    : (await isBundle(place))
      ? await BundleStore.open(place)
      : withLooseArchives(await openStore(place, allowedRoots))
  if (cache === undefined) return origin
  const folder = await CacheFolder.open(cache.folder, cache.bytes)
  return new CachingStore(origin, folder, MIRROR_RULES, cache.onProblem)
}
