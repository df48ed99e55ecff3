/** Opens a store for writing. */
import { StorageFailed } from '../domain/errors.ts'
import { connectS3 } from './s3-client.ts'
import { parseS3Location } from './s3-location.ts'
import { S3Store } from './s3-store.ts'
import { S3Writer } from './s3-writer.ts'
import type { Store } from './store.ts'

/** A store with what writes into it. */
export interface WritableStore {
  readonly store: Store
  readonly writer: S3Writer
}

/**
 * The store at `s3://BUCKET/PREFIX`, for writing.
 *
 * @throws StorageFailed when it is no name of a bucket
 */
export function openWriter(place: string): WritableStore {
  const location = parseS3Location(place)
  if (location === undefined) {
    throw new StorageFailed(place, new Error('it is no name of a bucket; write s3://BUCKET/PREFIX'))
  }
  const client = connectS3(process.env)
  return { store: new S3Store(client, location), writer: new S3Writer(client, location) }
}
