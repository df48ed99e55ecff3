/** What everybody must agree on who sends objects to a bucket in parts: their size, the name of an object, and which parts are there. */
import { ListPartsCommand, type Part, type S3Client } from '@aws-sdk/client-s3'
import type { S3Location } from './s3-location.ts'
import { MOST_PARTS, PART_SIZE } from './store-writer.ts'

/** An object as commands name it. */
export interface NamedObject {
  readonly Bucket: string
  readonly Key: string
}

/** Bytes of a part for an object of a size: whole multiples, so that parts end where the chunks of an index end. */
export function partSizeFor(size: number): number {
  return PART_SIZE * Math.ceil(Math.max(1, size) / (PART_SIZE * MOST_PARTS))
}

/** The name of a key in a folder of a bucket. */
export function objectNamed({ bucket, prefix }: S3Location, key: string): NamedObject {
  return { Bucket: bucket, Key: prefix === '' ? key : `${prefix}/${key}` }
}

/** The parts of an unfinished upload, in the order of their numbers. Throws what the client throws. */
export async function partsOf(
  client: S3Client,
  named: NamedObject,
  uploadId: string,
): Promise<Part[]> {
  const parts: Part[] = []
  let marker: string | undefined
  do {
    const page = await client.send(
      new ListPartsCommand({
        ...named,
        UploadId: uploadId,
        ...(marker !== undefined && { PartNumberMarker: marker }),
      }),
    )
    parts.push(...(page.Parts ?? []))
    marker = page.IsTruncated === true ? page.NextPartNumberMarker : undefined
  } while (marker !== undefined)
  return parts
}
