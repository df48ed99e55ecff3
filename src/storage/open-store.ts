/** Opens a store by the name of its place: a folder, or `s3://BUCKET/PREFIX`. The code that speaks to buckets is loaded when one is named. */
import { resolve } from 'node:path'
import { StorageFailed } from '../domain/errors.ts'
import { FileStore } from './file-store.ts'
import { FolderUploads } from './folder-uploads.ts'
import { FolderWriter } from './folder-writer.ts'
import { parseS3Location, type S3Location } from './s3-location.ts'
import type { Store } from './store.ts'
import { publicLinks, type StoreLinks } from './store-links.ts'
import type { WritableStore } from './store-writer.ts'

/**
 * The store at a place.
 *
 * @param allowedRoots - further folders that links in a folder may lead to
 * @throws StorageFailed when the name of a bucket is none
 */
export async function openStore(
  place: string,
  allowedRoots: readonly string[] = [],
): Promise<Store> {
  const location = bucketNamed(place)
  if (location === undefined) return new FileStore(place, allowedRoots)
  const { openBucket } = await import('./open-bucket.ts')
  return openBucket(location).store
}

/**
 * The store at a place, for writing. Throws as {@link openStore}.
 *
 * @param endpoint - address of an object store as clients reach it
 */
export async function openWritableStore(place: string, endpoint?: string): Promise<WritableStore> {
  const location = bucketNamed(place)
  if (location === undefined) {
    const root = resolve(place)
    return {
      store: new FileStore(root),
      writer: new FolderWriter(root),
      uploads: new FolderUploads(root),
    }
  }
  const { openBucket } = await import('./open-bucket.ts')
  return openBucket(location, endpoint)
}

/** How clients reach a store. */
export interface StoreAddresses {
  /** URL under which its folder is public. */
  readonly publicUrl?: string
  /** Address of an object store for signed URLs; the one that the server itself uses without it. */
  readonly endpoint?: string
}

/**
 * What makes addresses of the objects at a place; undefined for a folder that nobody else makes public.
 *
 * @param place - undefined for an archive folder
 */
export async function openStoreLinks(
  place: string | undefined,
  { publicUrl, endpoint }: StoreAddresses,
): Promise<StoreLinks | undefined> {
  if (publicUrl !== undefined) return publicLinks(publicUrl)
  const location = place === undefined ? undefined : bucketNamed(place)
  if (location === undefined) return undefined
  const { bucketLinks } = await import('./open-bucket.ts')
  return bucketLinks(location, endpoint)
}

/** The bucket that a place names; undefined for a folder. */
function bucketNamed(place: string): S3Location | undefined {
  if (!/^s3:/i.test(place)) return undefined
  const location = parseS3Location(place)
  if (location !== undefined) return location
  throw new StorageFailed(place, new Error('it is no name of a bucket; write s3://BUCKET/PREFIX'))
}
