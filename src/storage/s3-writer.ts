/**
 * Writes objects into a folder of a bucket: small ones at once, large ones in parts that the store checks by SHA-256.
 *
 * An upload that was broken off leaves its parts in the store; the next one takes those that are the same and sends the others. A half upload is
 * no object: nobody can list or read it.
 */
import { createHash } from 'node:crypto'
import {
  type CompletedPart,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  ListMultipartUploadsCommand,
  type Part,
  PutObjectCommand,
  type S3Client,
  S3ServiceException,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import { StorageWriteFailed } from '../domain/errors.ts'
import type { S3Location } from './s3-location.ts'
import { type NamedObject, objectNamed, partSizeFor, partsOf } from './s3-parts.ts'
import { sha256Of } from './sha256.ts'
import type { StoredObject } from './store.ts'
import type { PartCheck, Sent, StoreWriter, WriteCondition } from './store-writer.ts'

// Parts in flight; each is in memory.
const PARALLEL = 4
// What stores say of an upload that was ended or given up, and how often it is begun anew then.
const GONE = 'NoSuchUpload'
const ATTEMPTS = 4
const OCTETS = 'application/octet-stream'

/** A part on its way; `digest` is its SHA-256. */
interface PartToSend {
  readonly key: string
  readonly uploadId: string
  readonly number: number
  readonly body: Buffer
  readonly digest: Buffer
}

/** Writes into a folder of a bucket. */
export class S3Writer implements StoreWriter {
  readonly #client: S3Client
  readonly #location: S3Location

  constructor(client: S3Client, location: S3Location) {
    this.#client = client
    this.#location = location
  }

  async put(key: string, content: Buffer | string, condition?: WriteCondition): Promise<boolean> {
    const body = Buffer.from(content)
    const command = new PutObjectCommand({
      ...this.#named(key),
      Body: body,
      ContentType: OCTETS,
      ChecksumSHA256: createHash('sha256').update(body).digest('base64'),
      ...(condition !== undefined && 'absent' in condition && { IfNoneMatch: '*' }),
      ...(condition !== undefined && 'state' in condition && { IfMatch: condition.state }),
    })
    try {
      await this.#client.send(command)
      return true
    } catch (error) {
      const status = error instanceof S3ServiceException ? error.$metadata.httpStatusCode : 0
      // 409: somebody writes the same at this moment.
      if (condition !== undefined && (status === 412 || status === 409)) return false
      throw new StorageWriteFailed(key, error)
    }
  }

  async upload(key: string, source: StoredObject, check: PartCheck): Promise<Sent> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#uploadOnce(key, source, check)
      } catch (error) {
        if (!(error instanceof S3ServiceException)) throw error
        // Somebody who sends the same at this moment has ended the upload that both went on with.
        if (error.name !== GONE || attempt === ATTEMPTS) throw new StorageWriteFailed(key, error)
      }
    }
  }

  async #uploadOnce(key: string, source: StoredObject, check: PartCheck): Promise<Sent> {
    const size = partSizeFor(source.size)
    const { uploadId, parts } = await this.#begin(key)
    const done: CompletedPart[] = []
    const bytes = { sent: 0, kept: 0 }
    const numbers = Array.from({ length: Math.max(1, Math.ceil(source.size / size)) }, (_, i) => i)
    const worker = async () => {
      for (let i = numbers.shift(); i !== undefined; i = numbers.shift()) {
        const range = { start: i * size, end: Math.min((i + 1) * size, source.size) }
        const body = await source.bytes(range)
        const [digest] = await Promise.all([sha256Of(body), check(body, range.start)])
        const checksum = digest.toString('base64')
        const there = parts.get(i + 1)
        const same = there?.ChecksumSHA256 === checksum && there.Size === body.length
        bytes[same ? 'kept' : 'sent'] += body.length
        done[i] = same
          ? { PartNumber: i + 1, ETag: there.ETag, ChecksumSHA256: checksum }
          : await this.#sendPart({ key, uploadId, number: i + 1, body, digest })
      }
    }
    try {
      await Promise.all(Array.from({ length: PARALLEL }, worker))
      await this.#client.send(
        new CompleteMultipartUploadCommand({
          ...this.#named(key),
          UploadId: uploadId,
          MultipartUpload: { Parts: done },
        }),
      )
      return bytes
    } catch (error) {
      numbers.length = 0
      throw error
    }
  }

  /** The unfinished upload of an object with its parts, or a new one. */
  async #begin(key: string): Promise<{ uploadId: string; parts: Map<number, Part> }> {
    try {
      const named = this.#named(key)
      const { Uploads = [] } = await this.#client.send(
        new ListMultipartUploadsCommand({ Bucket: named.Bucket, Prefix: named.Key }),
      )
      const known = Uploads.find(upload => upload.Key === named.Key)?.UploadId
      if (known !== undefined) {
        const parts = await partsOf(this.#client, named, known)
        return { uploadId: known, parts: new Map(parts.map(part => [part.PartNumber ?? 0, part])) }
      }
      const { UploadId = '' } = await this.#client.send(
        new CreateMultipartUploadCommand({
          ...named,
          ContentType: OCTETS,
          ChecksumAlgorithm: 'SHA256',
        }),
      )
      return { uploadId: UploadId, parts: new Map() }
    } catch (error) {
      if (error instanceof S3ServiceException) throw error
      throw new StorageWriteFailed(key, error)
    }
  }

  async #sendPart({ key, uploadId, number, body, digest }: PartToSend): Promise<CompletedPart> {
    const checksum = digest.toString('base64')
    const command = new UploadPartCommand({
      ...this.#named(key),
      UploadId: uploadId,
      PartNumber: number,
      Body: body,
      ChecksumSHA256: checksum,
    })
    // The signature names the same digest: the SDK would compute it once more, and all else would wait.
    command.middlewareStack.add(
      next => args => {
        const { headers } = args.request as { headers: Record<string, string> }
        headers['x-amz-content-sha256'] = digest.toString('hex')
        return next(args)
      },
      { step: 'build', name: 'knownPayloadDigest' },
    )
    const { ETag } = await this.#client.send(command)
    return { PartNumber: number, ETag, ChecksumSHA256: checksum }
  }

  #named(key: string): NamedObject {
    return objectNamed(this.#location, key)
  }
}
