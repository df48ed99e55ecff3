/** Opens a store by the name of its place. */
import { StorageFailed } from '../domain/errors.ts'
import { FileStore } from './file-store.ts'
import { parseS3Location } from './s3-location.ts'
import type { Store } from './store.ts'

/** True for the name of a bucket, right or wrong. */
export function isBucketName(place: string): boolean {
  return place.startsWith('s3:')
}

/**
 * The store at a place: a folder, or `s3://BUCKET/PREFIX`. The code that speaks to buckets is loaded when one is named.
 *
 * @throws StorageFailed when the name of a bucket is none
 */
export async function openStore(
  place: string,
  allowedRoots: readonly string[] = [],
): Promise<Store> {
  if (!isBucketName(place)) return new FileStore(place, allowedRoots)
  const location = parseS3Location(place)
  if (location === undefined) {
    throw new StorageFailed(place, new Error('it is no name of a bucket; write s3://BUCKET/PREFIX'))
  }
  const [{ connectS3 }, { S3Store }] = await Promise.all([
    import('./s3-client.ts'),
    import('./s3-store.ts'),
  ])
  return new S3Store(connectS3(process.env), location)
}
