/** A dataset in a store: its marker, which tells that it is complete. */
import { type Dataset, MARKER, storeFolderOf, titleOf } from '../domain/dataset.ts'
import { DatasetDamaged } from '../domain/dataset-errors.ts'
import type { Store } from '../storage/store.ts'
import { type DataReady, parseReady } from './data-ready.ts'

/** A marker in a store. */
export interface RemoteReady {
  readonly ready: DataReady
  readonly text: Buffer
  /** What tells this state of the marker from another. */
  readonly state: string
}

// A marker of 200,000 files has 40 MB.
const MOST_BYTES = 64 * 1024 * 1024

/** Key of a file of a dataset in a store. */
export function keyOf(dataset: Dataset, path: string): string {
  return `${storeFolderOf(dataset)}/${path}`
}

/**
 * The marker of a dataset; undefined when it is not there, or not complete.
 *
 * @throws DatasetDamaged when it is no marker of this dataset; StorageFailed
 */
export async function readRemoteReady(
  store: Store,
  dataset: Dataset,
): Promise<RemoteReady | undefined> {
  const subject = titleOf(dataset)
  const object = await store.open(keyOf(dataset, MARKER))
  if (object === undefined) return undefined
  try {
    if (object.size > MOST_BYTES) {
      throw new DatasetDamaged(subject, `the ${MARKER} in the store is too large to be one`)
    }
    const text = await object.bytes({ start: 0, end: object.size })
    const ready = parseReady(text.toString('utf8'), subject)
    if (ready.version === dataset.version) return { ready, text, state: object.inode }
    throw new DatasetDamaged(subject, `the ${MARKER} in the store is that of ${ready.version}`)
  } finally {
    await object.close()
  }
}
