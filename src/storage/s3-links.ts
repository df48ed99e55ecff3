/** Signed addresses of objects in a bucket (Signature V4, in the query). */
import { GetObjectCommand, type S3Client } from '@aws-sdk/client-s3'
import { getSignedUrl } from '@aws-sdk/s3-request-presigner'
import { StorageFailed } from '../domain/errors.ts'
import type { S3Store } from './s3-store.ts'
import type { LinkOptions, StoreLinks } from './store-links.ts'

// Stores take no longer time than this (Signature V4).
const LONGEST_SECONDS = 7 * 24 * 3600

/** Signs addresses of the objects of a store. */
export class S3Links implements StoreLinks {
  readonly #client: S3Client
  readonly #store: S3Store

  /** @param client - speaks of the store by the address that clients reach it by */
  constructor(client: S3Client, store: S3Store) {
    this.#client = client
    this.#store = store
  }

  async linkTo(key: string, { filename, mediaType, seconds }: LinkOptions): Promise<string> {
    const command = new GetObjectCommand({
      Bucket: this.#store.location.bucket,
      Key: this.#store.keyOf(key),
      ResponseContentType: mediaType,
      // Names of archives are made of names of assets and tags; anything else would have to be encoded.
      ResponseContentDisposition: `attachment; filename="${filename.replace(/[^\x20-\x7e]|["\\]/g, '_')}"`,
    })
    try {
      return await getSignedUrl(this.#client, command, {
        expiresIn: Math.min(Math.ceil(seconds), LONGEST_SECONDS),
      })
    } catch (error) {
      throw new StorageFailed(key, error)
    }
  }
}
