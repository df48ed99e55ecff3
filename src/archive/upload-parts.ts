/** How an upload is divided into parts, and which of them are there. */
import { type UploadRecord, UploadRefused } from '../domain/upload.ts'
import type { Store } from '../storage/store.ts'
import type { BegunUpload, StoreUploads } from '../storage/store-uploads.ts'
import { INDEX_SUFFIX } from './member-index.ts'
import { stagingKey } from './publish-upload.ts'

/** Parts of an upload. */
export interface PartPlan {
  /** Bytes of a part; the last one may be shorter. */
  readonly partSize: number
  readonly partCount: number
}

/** The parts of an upload; an empty archive has one. */
export function partPlan(
  uploads: Pick<StoreUploads, 'partSize'>,
  { size }: Pick<UploadRecord, 'size'>,
): PartPlan {
  const partSize = uploads.partSize(size)
  return { partSize, partCount: Math.max(1, Math.ceil(size / partSize)) }
}

/**
 * Bytes that a part must have.
 *
 * @throws UploadRefused when there is no part of that number
 */
export function lengthOfPart(
  { partSize, partCount }: PartPlan,
  { size, registryPath }: UploadRecord,
  number: number,
): number {
  if (!Number.isInteger(number) || number < 1 || number > partCount) {
    throw new UploadRefused(registryPath, `there is no part ${number}; it has ${partCount}`)
  }
  return Math.min(partSize, size - (number - 1) * partSize)
}

/** Numbers of the parts that are there, from 1. Throws what the store throws. */
export async function receivedParts(
  { uploads, store }: { readonly uploads: StoreUploads; readonly store: Store },
  record: UploadRecord,
  { partCount }: PartPlan,
): Promise<readonly number[]> {
  if (record.state !== 'open') return []
  const parts = await uploads.parts(storeUpload(record))
  // Put together already, by an attempt to end it that is to be repeated: there is nothing to be sent any more.
  const isSent = parts.length === 0 && (await wasSent(store, record))
  return isSent ? numbersTo(partCount) : parts.map(({ number }) => number)
}

/** 1 to a number. */
export function numbersTo(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i + 1)
}

/** The upload as the store knows it. */
export function storeUpload({ id, storeUpload }: UploadRecord): BegunUpload {
  return { key: stagingKey(id), id: storeUpload }
}

/** True when there is nothing to be sent any more: somebody was killed while it was compared, moved or published. */
async function wasSent(store: Store, { id }: UploadRecord): Promise<boolean> {
  const staged = stagingKey(id)
  // The index lies there from before the comparison until the end.
  const [archive, index] = [staged, staged + INDEX_SUFFIX].map(key => store.identify(key))
  return (await archive) !== undefined || (await index) !== undefined
}
