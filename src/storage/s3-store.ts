/**
 * A folder of an S3-compatible bucket as a store.
 *
 * A bucket keeps no open files: an opened object is a name with an ETag, and every read demands that ETag. What is replaced or removed while
 * it is read fails; it never becomes a mixture.
 */
import { posix } from 'node:path'
import type { Readable } from 'node:stream'
import {
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  type S3Client,
  S3ServiceException,
} from '@aws-sdk/client-s3'
import { OutsideRoot, ShortRead, StorageFailed } from '../domain/errors.ts'
import { byCodePoint } from '../domain/text-order.ts'
import { RangedStream } from './ranged-stream.ts'
import type { S3Location } from './s3-location.ts'
import type { ByteRange, Identity, Listed, Store, StoredObject } from './store.ts'

const LONGEST_NAME = 255

/** A folder of a bucket as a store. */
export class S3Store implements Store {
  readonly location: S3Location
  readonly #client: S3Client

  constructor(client: S3Client, location: S3Location) {
    this.#client = client
    this.location = location
  }

  async open(key: string): Promise<StoredObject | undefined> {
    const identity = await this.identify(key)
    return (
      identity && new S3Object(this.#client, this.location.bucket, this.keyOf(key), key, identity)
    )
  }

  async identify(key: string): Promise<Identity | undefined> {
    const Key = this.keyOf(key)
    // Stores over file systems answer 400 to such names; nothing of ours has one.
    if (Key.split('/').some(part => Buffer.byteLength(part) > LONGEST_NAME)) return undefined
    try {
      const head = await this.#client.send(
        new HeadObjectCommand({ Bucket: this.location.bucket, Key }),
      )
      return {
        size: head.ContentLength ?? 0,
        modifiedMs: head.LastModified?.getTime() ?? 0,
        inode: head.ETag ?? '',
      }
    } catch (error) {
      if (isAbsent(error)) return undefined
      throw failed(Key, error)
    }
  }

  async list(folder: string): Promise<Listed[]> {
    const top = folder === '.' ? this.location.prefix : this.keyOf(folder)
    const Prefix = top === '' ? '' : `${top}/`
    const listed: Listed[] = []
    let ContinuationToken: string | undefined
    try {
      do {
        const page = await this.#client.send(
          new ListObjectsV2Command({
            Bucket: this.location.bucket,
            Prefix,
            ...(ContinuationToken !== undefined && { ContinuationToken }),
          }),
        )
        for (const { Key = '', Size = 0 } of page.Contents ?? []) {
          // Some tools make empty objects for folders.
          if (!Key.endsWith('/')) listed.push({ path: Key.slice(Prefix.length), size: Size })
        }
        ContinuationToken = page.NextContinuationToken
      } while (ContinuationToken !== undefined)
    } catch (error) {
      throw failed(Prefix, error)
    }
    return listed.sort((a, b) => byCodePoint(a.path, b.path))
  }

  /**
   * The key in the bucket.
   *
   * @throws OutsideRoot when the key climbs out of the folder or holds a NUL
   */
  keyOf(key: string): string {
    const path = posix.normalize(key)
    if (key.includes('\0') || path.startsWith('/') || path === '..' || path.startsWith('../')) {
      throw new OutsideRoot(key)
    }
    return this.location.prefix === '' ? path : `${this.location.prefix}/${path}`
  }
}

/** An object in one state. */
class S3Object implements StoredObject {
  readonly key: string
  readonly size: number
  readonly modifiedMs: number
  readonly inode: string
  readonly #client: S3Client
  readonly #bucket: string
  readonly #name: string

  constructor(client: S3Client, bucket: string, name: string, key: string, identity: Identity) {
    this.#client = client
    this.#bucket = bucket
    this.#name = name
    this.key = key
    this.size = identity.size
    this.modifiedMs = identity.modifiedMs
    this.inode = identity.inode
  }

  stream(range: ByteRange): Readable {
    return new RangedStream(range, this.#name, (from, signal) => this.#get(from, signal))
  }

  async bytes(range: ByteRange): Promise<Buffer> {
    if (range.end <= range.start) return Buffer.alloc(0)
    const chunks: Buffer[] = []
    for await (const chunk of this.stream(range)) chunks.push(chunk)
    return Buffer.concat(chunks)
  }

  async close(): Promise<void> {}

  /** The bytes of a range of this very state as the store sends them. */
  async #get({ start, end }: ByteRange, signal: AbortSignal): Promise<Readable> {
    const command = new GetObjectCommand({
      Bucket: this.#bucket,
      Key: this.#name,
      Range: `bytes=${start}-${end - 1}`,
      ...(this.inode !== '' && { IfMatch: this.inode }),
    })
    try {
      const answer = await this.#client.send(command, { abortSignal: signal })
      const body = answer.Body as Readable
      // A store that overlooks the condition would send another object as if it were this one.
      if (this.inode !== '' && answer.ETag !== undefined && answer.ETag !== this.inode) {
        body.destroy()
        throw new ShortRead(this.#name, start, end)
      }
      // A store that does not know ranges would send the begin of the object as if it were the middle.
      const partial = answer.ContentRange ?? (start === 0 && end === this.size ? 'whole' : '')
      if (partial === 'whole' || partial.startsWith(`bytes ${start}-`)) return body
      body.destroy()
      throw new Error(`the store does not answer ranges (content-range: '${partial}')`)
    } catch (error) {
      if (error instanceof ShortRead) throw error
      if (isAbsent(error) || statusOf(error) === 412) throw new ShortRead(this.#name, start, end)
      throw failed(this.#name, error)
    }
  }
}

function isAbsent(error: unknown): boolean {
  return statusOf(error) === 404
}

function statusOf(error: unknown): number | undefined {
  return error instanceof S3ServiceException ? error.$metadata.httpStatusCode : undefined
}

/** Keys of the bucket are named, addresses and credentials are not. */
function failed(name: string, error: unknown): StorageFailed {
  return error instanceof StorageFailed ? error : new StorageFailed(name, error)
}
