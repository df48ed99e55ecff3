/**
 * `dataset upload`: sends what a store does not have, the marker last.
 *
 * A version that is complete in a store is never changed: its marker says by digest what it is. Of one that is not complete, objects that are there
 * already are read and compared, so that an upload that was broken off goes on.
 */
import { createHash } from 'node:crypto'
import { chunkDigestsOf } from '../archive/archive-digest.ts'
import { CHUNK_SIZE } from '../archive/member-index.ts'
import { MARKER, storeFolderOf, titleOf } from '../domain/dataset.ts'
import { DatasetDamaged, DatasetRefused } from '../domain/dataset-errors.ts'
import { inParallel } from '../domain/in-parallel.ts'
import { openFile } from '../storage/file-store.ts'
import type { Store } from '../storage/store.ts'
import type { WritableStore } from '../storage/store-writer.ts'
import { type DataReady, differences } from './data-ready.ts'
import type { WantedDataset } from './dataset-list.ts'
import { type DatasetEvent, type DatasetSummary, runDatasets, type Telling } from './dataset-run.ts'
import { type HashedFile, readyFilesOf, soundDataset, told } from './local-dataset.ts'
import { keyOf, type RemoteReady, readRemoteReady } from './remote-dataset.ts'

type UploadStore = Pick<WritableStore, 'store' | 'writer'>

/** Where datasets come from and go to. */
export interface UploadOrder {
  readonly data: string
  readonly to: UploadStore
  readonly threads: number
}

/** A dataset that is complete in the store. */
export interface UploadedDataset {
  readonly dataset: WantedDataset
  /** The marker in the store. */
  readonly ready: DataReady
  readonly folder: string
  readonly files: readonly HashedFile[]
}

// The parts of a large file are sent side by side, and are in memory.
const MOST_FILES = 4

/** Uploads datasets; `onUploaded` gets each one that is complete in the store then. */
export function uploadDatasets(
  order: UploadOrder,
  datasets: readonly WantedDataset[],
  onEvent: (event: DatasetEvent) => void,
  onUploaded: (uploaded: UploadedDataset) => Promise<void>,
): Promise<DatasetSummary> {
  return runDatasets(datasets, onEvent, (dataset, tell) =>
    uploadOne(order, dataset, tell, onUploaded),
  )
}

async function uploadOne(
  order: UploadOrder,
  dataset: WantedDataset,
  tell: Telling,
  onUploaded: (uploaded: UploadedDataset) => Promise<void>,
) {
  const { store } = order.to
  const local = await soundDataset(order.data, dataset)
  const before = await readRemoteReady(store, dataset)
  mustBeSame(dataset, before, local.files)
  const missing = await missingFiles(store, dataset, local.files, before)
  tell.begin(missing.reduce((sum, { size }) => sum + size, 0))
  let bytes = 0
  await inParallel(missing, Math.min(order.threads, MOST_FILES), async file => {
    const sent = await sendFile(order.to, dataset, file)
    bytes += sent
    tell.progress(file.size)
  })
  if (before?.ready.files === undefined) {
    await putMarker(order.to, dataset, local, before)
    bytes += local.text.length
  }
  const { ready } = (await readRemoteReady(store, dataset)) ?? local
  await onUploaded({ dataset, ready, folder: local.folder, files: local.files })
  return { action: bytes > 0 ? 'uploaded' : 'present', bytes } as const
}

function mustBeSame(
  dataset: WantedDataset,
  remote: RemoteReady | undefined,
  files: readonly HashedFile[],
): void {
  if (remote?.ready.files === undefined) return
  const changed = differences(remote.ready.files, readyFilesOf(files))
  if (changed.length > 0) throw isOther(dataset, changed)
}

function isOther(dataset: WantedDataset, changed: readonly string[]): DatasetRefused {
  const reason = `the store has this version with other content (${told(changed)}), and versions never change; give it a new version in datasets.json and package it`
  return new DatasetRefused(titleOf(dataset), reason)
}

/** What has to be sent. A marker with digests speaks for the objects beside it; else they are read. */
async function missingFiles(
  store: Store,
  dataset: WantedDataset,
  files: readonly HashedFile[],
  before: RemoteReady | undefined,
): Promise<HashedFile[]> {
  const there = new Map<string, number>()
  for (const { path, size } of await store.list(storeFolderOf(dataset))) there.set(path, size)
  const vouched = before?.ready.files !== undefined
  const missing: HashedFile[] = []
  const others: string[] = []
  for (const file of files) {
    const size = there.get(file.path)
    const sameSize = size === file.size
    if (sameSize && (vouched || (await isSameObject(store, dataset, file)))) continue
    if (size !== undefined) others.push(file.path)
    missing.push(file)
  }
  // A marker of vcpipe-refdata names no digests, but says that the version is complete: nothing of it is replaced.
  if (before !== undefined && !vouched && others.length > 0) throw isOther(dataset, others)
  return missing
}

async function isSameObject(
  store: Store,
  dataset: WantedDataset,
  file: HashedFile,
): Promise<boolean> {
  const object = await store.open(keyOf(dataset, file.path))
  if (object === undefined) return false
  const hash = createHash('sha256')
  if (file.size === 0) await object.close()
  else {
    for await (const chunk of object.stream({ start: 0, end: object.size })) hash.update(chunk)
  }
  return hash.digest('hex') === file.sha256
}

/** Bytes that were sent; what an upload that was broken off has sent of the file is not sent again. */
async function sendFile(
  { writer }: UploadStore,
  dataset: WantedDataset,
  file: HashedFile,
): Promise<number> {
  const object = await openFile(file.source)
  try {
    if (object.size !== file.size) throw changedMeanwhile(dataset, file)
    const { sent } = await writer.upload(
      keyOf(dataset, file.path),
      object,
      async (part, offset) => {
        const first = offset / CHUNK_SIZE
        const same = (await chunkDigestsOf(part)).every(
          (digest, i) => digest === file.chunks[first + i],
        )
        if (!same) throw changedMeanwhile(dataset, file)
      },
    )
    return sent
  } finally {
    await object.close()
  }
}

function changedMeanwhile(dataset: WantedDataset, { source }: HashedFile): DatasetDamaged {
  return new DatasetDamaged(titleOf(dataset), `${source} changed while it was uploaded`)
}

/** The marker makes the dataset visible: whoever uploads the same at this moment may be quicker, with the same content. */
async function putMarker(
  to: UploadStore,
  dataset: WantedDataset,
  local: { text: Buffer; files: readonly HashedFile[] },
  before: RemoteReady | undefined,
): Promise<void> {
  const condition = before === undefined ? ({ absent: true } as const) : { state: before.state }
  if (await to.writer.put(keyOf(dataset, MARKER), local.text, condition)) return
  const other = await readRemoteReady(to.store, dataset)
  mustBeSame(dataset, other, local.files)
}
