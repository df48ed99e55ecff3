/** A folder of a bucket, to read and to write. */
import { connectS3 } from './s3-client.ts'
import type { S3Location } from './s3-location.ts'
import { S3Store } from './s3-store.ts'
import { S3Writer } from './s3-writer.ts'
import type { WritableStore } from './store-writer.ts'

/** Connects with what the environment says; nothing is sent yet. */
export function openBucket(location: S3Location): WritableStore {
  const client = connectS3(process.env)
  return { store: new S3Store(client, location), writer: new S3Writer(client, location) }
}
