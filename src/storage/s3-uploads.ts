/** Receives parts into a folder of a bucket, by multipart uploads; clients may send them to the store itself, under signed addresses. */
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  type Part,
  type S3Client,
  S3ServiceException,
  UploadPartCommand,
  UploadPartCopyCommand,
} from '@aws-sdk/client-s3'
import { getSignedUrl } from '@aws-sdk/s3-request-presigner'
import { StorageWriteFailed } from '../domain/errors.ts'
import type { S3Location } from './s3-location.ts'
import { type NamedObject, objectNamed, partSizeFor, partsOf } from './s3-parts.ts'
import type { BegunUpload, PartAddress, ReceivedPart, StoreUploads } from './store-uploads.ts'

// A store copies no larger object at once (5 GiB); this is well below, and a piece takes a few seconds.
const COPY_SIZE = 1024 ** 3
const OCTETS = 'application/octet-stream'
const CHECKSUM = 'x-amz-checksum-sha256'

/** How a bucket is reached. */
export interface S3UploadsOptions {
  readonly client: S3Client
  readonly location: S3Location
  /** Speaks of the store by the address that clients reach it by; undefined when they do not. */
  readonly forClients?: S3Client
}

/** See the head of this file. */
export class S3Uploads implements StoreUploads {
  readonly #client: S3Client
  readonly #forClients: S3Client | undefined
  readonly #location: S3Location

  constructor({ client, location, forClients }: S3UploadsOptions) {
    this.#client = client
    this.#location = location
    this.#forClients = forClients
  }

  partSize(size: number): number {
    return partSizeFor(size)
  }

  async begin(key: string): Promise<BegunUpload> {
    return this.#working(key, async () => {
      const { UploadId = '' } = await this.#client.send(
        new CreateMultipartUploadCommand({
          ...this.#named(key),
          ContentType: OCTETS,
          ChecksumAlgorithm: 'SHA256',
        }),
      )
      return { key, id: UploadId }
    })
  }

  async parts(upload: BegunUpload): Promise<ReceivedPart[]> {
    const parts = await this.#parts(upload)
    return parts.map(({ PartNumber = 0, Size = 0 }) => ({ number: PartNumber, size: Size }))
  }

  async putPart(
    upload: BegunUpload,
    { number, body, sha256 }: Parameters<StoreUploads['putPart']>[1],
  ): Promise<void> {
    const command = this.#part(upload, number, sha256, body)
    await this.#working(upload.key, () => this.#client.send(command))
  }

  async partAddress(
    upload: BegunUpload,
    number: number,
    sha256: string,
    seconds: number,
  ): Promise<PartAddress | undefined> {
    if (this.#forClients === undefined) return undefined
    const client = this.#forClients
    const url = await this.#working(upload.key, () =>
      getSignedUrl(client, this.#part(upload, number, sha256), {
        expiresIn: seconds,
        // As a header it is signed and must be sent; as a part of the query not every store compares it.
        unhoistableHeaders: new Set([CHECKSUM]),
      }),
    )
    return { url, headers: { [CHECKSUM]: base64(sha256) } }
  }

  async complete(upload: BegunUpload): Promise<void> {
    await this.#working(upload.key, async () => {
      const parts = await this.#parts(upload)
      if (parts.length === 0 && (await this.#isThere(upload.key))) return
      await this.#client.send(
        new CompleteMultipartUploadCommand({
          ...this.#named(upload.key),
          UploadId: upload.id,
          MultipartUpload: {
            Parts: parts.map(({ PartNumber, ETag, ChecksumSHA256 }) => ({
              PartNumber,
              ETag,
              ChecksumSHA256,
            })),
          },
        }),
      )
    })
  }

  async abort(upload: BegunUpload): Promise<void> {
    await this.#unlessAbsent(upload.key, () =>
      this.#client.send(
        new AbortMultipartUploadCommand({ ...this.#named(upload.key), UploadId: upload.id }),
      ),
    )
  }

  async begunBefore(time: Date): Promise<BegunUpload[]> {
    const { bucket, prefix } = this.#location
    const top = prefix === '' ? '' : `${prefix}/`
    const { Uploads = [] } = await this.#working(prefix, () =>
      this.#client.send(new ListMultipartUploadsCommand({ Bucket: bucket, Prefix: top })),
    )
    return Uploads.filter(({ Initiated }) => Initiated !== undefined && Initiated < time).map(
      ({ Key = '', UploadId = '' }) => ({ key: Key.slice(top.length), id: UploadId }),
    )
  }

  async move(from: string, to: string): Promise<void> {
    await this.#working(to, async () => {
      const head = await this.#client.send(new HeadObjectCommand(this.#named(from)))
      await this.#copy(from, to, head.ContentLength ?? 0)
    })
    await this.remove(from)
  }

  async remove(key: string): Promise<void> {
    await this.#unlessAbsent(key, () =>
      this.#client.send(new DeleteObjectCommand(this.#named(key))),
    )
  }

  async #copy(from: string, to: string, size: number): Promise<void> {
    const source = this.#named(from)
    const CopySource = `${source.Bucket}/${source.Key.split('/').map(encodeURIComponent).join('/')}`
    if (size <= COPY_SIZE) {
      await this.#client.send(new CopyObjectCommand({ ...this.#named(to), CopySource }))
      return
    }
    const upload = await this.begin(to)
    try {
      for (let number = 1, start = 0; start < size; number += 1, start += COPY_SIZE) {
        const end = Math.min(size, start + COPY_SIZE)
        await this.#client.send(
          new UploadPartCopyCommand({
            ...this.#named(to),
            UploadId: upload.id,
            PartNumber: number,
            CopySource,
            CopySourceRange: `bytes=${start}-${end - 1}`,
          }),
        )
      }
      await this.complete(upload)
    } catch (error) {
      await this.abort(upload)
      throw error
    }
  }

  #part(
    { key, id }: BegunUpload,
    number: number,
    sha256: string,
    body?: Buffer,
  ): UploadPartCommand {
    return new UploadPartCommand({
      ...this.#named(key),
      UploadId: id,
      PartNumber: number,
      ChecksumSHA256: base64(sha256),
      ...(body && { Body: body }),
    })
  }

  async #parts({ key, id }: BegunUpload): Promise<Part[]> {
    const named = this.#named(key)
    return (await this.#unlessAbsent(key, () => partsOf(this.#client, named, id))) ?? []
  }

  async #isThere(key: string): Promise<boolean> {
    const head = await this.#unlessAbsent(key, () =>
      this.#client.send(new HeadObjectCommand(this.#named(key))),
    )
    return head !== undefined
  }

  /** Undefined when the store knows nothing of it. */
  async #unlessAbsent<T>(key: string, work: () => Promise<T>): Promise<T | undefined> {
    return this.#working(key, async () => {
      try {
        return await work()
      } catch (error) {
        const absent = error instanceof S3ServiceException && error.$metadata.httpStatusCode === 404
        if (absent) return undefined
        throw error
      }
    })
  }

  async #working<T>(key: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      throw error instanceof StorageWriteFailed ? error : new StorageWriteFailed(key, error)
    }
  }

  #named(key: string): NamedObject {
    return objectNamed(this.#location, key)
  }
}

function base64(hex: string): string {
  return Buffer.from(hex, 'hex').toString('base64')
}
