/** A folder of a bucket, to read and to write. */
import { connectS3 } from './s3-client.ts'
import { S3Links } from './s3-links.ts'
import type { S3Location } from './s3-location.ts'
import { S3Store } from './s3-store.ts'
import { S3Uploads } from './s3-uploads.ts'
import { S3Writer } from './s3-writer.ts'
import type { StoreLinks } from './store-links.ts'
import type { WritableStore } from './store-writer.ts'

/**
 * Connects with what the environment says; nothing is sent yet.
 *
 * @param address - of the store as clients reach it; the one of the environment without it
 */
export function openBucket(location: S3Location, address?: string): WritableStore {
  const client = connectS3(process.env)
  return {
    store: new S3Store(client, location),
    writer: new S3Writer(client, location),
    uploads: new S3Uploads({ client, location, forClients: connectS3(process.env, address) }),
  }
}

/**
 * Signs addresses of what is in a folder of a bucket; nothing is sent for it.
 *
 * @param address - of the store as clients reach it; the one of the environment without it
 */
export function bucketLinks(location: S3Location, address?: string): StoreLinks {
  const client = connectS3(process.env, address)
  return new S3Links(client, new S3Store(client, location))
}
