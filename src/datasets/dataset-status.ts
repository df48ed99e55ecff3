/** `dataset status`: what is wanted, what is here, what is in the store, and whether the three agree. */
import { type Dataset, dataFolderOf, titleOf } from '../domain/dataset.ts'
import { DatasetDamaged } from '../domain/dataset-errors.ts'
import type { Store } from '../storage/store.ts'
import { type DataReady, differences } from './data-ready.ts'
import {
  folderOf,
  hashFiles,
  type LocalReady,
  listFiles,
  readLocalReady,
  readyFilesOf,
} from './local-dataset.ts'
import { readRemoteReady } from './remote-dataset.ts'

/** How a dataset is, on disk or in a store. */
type State =
  | 'ready'
  | 'missing'
  /** On disk without a marker, or with one that names no digests. */
  | 'not packaged'
  /** In the store with a marker that names no digests. */
  | 'no digests'
  | 'other version'
  /** Files on disk are not those of the marker. */
  | 'changed'
  /** Complete here and in the store, but not with the same files. */
  | 'differs'
  | 'damaged'
  | 'not asked'

/** The status of one dataset. */
export interface DatasetStatus {
  /** `nature/type/kind`. */
  readonly dataset: string
  /** Version of `datasets.json`. */
  readonly wanted: string
  /** Version on disk, as its marker says; empty when it says nothing. */
  readonly version: string
  readonly local: State
  readonly remote: State
  /** True when something is not as it should be. */
  readonly drift: boolean
}

/** What a status is made of. */
export interface StatusOrder {
  readonly data: string
  /** Without one only the disk is looked at. */
  readonly store?: Store
  /** True to hash the files on disk; without, names and sizes are compared with the marker. */
  readonly deep: boolean
}

interface Side {
  readonly state: State
  readonly ready?: DataReady
}

/** Looks at a dataset; nothing is changed. Throws StorageFailed, and DatasetRefused when files cannot be read. */
export async function statusOf(order: StatusOrder, dataset: Dataset): Promise<DatasetStatus> {
  const local = await localSide(order, dataset)
  const remote = await remoteSide(order.store, dataset)
  const differs =
    local.state === 'ready' &&
    remote.state === 'ready' &&
    differences(local.ready?.files ?? [], remote.ready?.files ?? []).length > 0
  const far = differs ? 'differs' : remote.state
  return {
    dataset: dataFolderOf(dataset),
    wanted: dataset.version,
    version: local.ready?.version ?? '',
    local: local.state,
    remote: far,
    drift: local.state !== 'ready' || !['ready', 'not asked'].includes(far),
  }
}

async function localSide({ data, deep }: StatusOrder, dataset: Dataset): Promise<Side> {
  const subject = titleOf(dataset)
  const folder = folderOf(data, dataset)
  const files = await listFiles(folder, subject, true)
  const local = await readLocalReady(folder, subject).catch(asDamaged)
  if (local === 'damaged') return { state: 'damaged' }
  if (local === undefined) return { state: files.length === 0 ? 'missing' : 'not packaged' }
  const { ready }: LocalReady = local
  if (ready.version !== dataset.version) return { state: 'other version', ready }
  if (ready.files === undefined) return { state: 'not packaged', ready }
  const sizes = new Map(ready.files.map(({ path, size }) => [path, size]))
  const same = files.length === sizes.size && files.every(f => sizes.get(f.path) === f.size)
  const sound =
    same &&
    (!deep || differences(ready.files, readyFilesOf(await hashFiles(files, subject))).length === 0)
  return { state: sound ? 'ready' : 'changed', ready }
}

async function remoteSide(store: Store | undefined, dataset: Dataset): Promise<Side> {
  if (store === undefined) return { state: 'not asked' }
  const remote = await readRemoteReady(store, dataset).catch(asDamaged)
  if (remote === 'damaged') return { state: 'damaged' }
  if (remote === undefined) return { state: 'missing' }
  const { ready } = remote
  return { state: ready.files === undefined ? 'no digests' : 'ready', ready }
}

/** A marker that cannot be understood is a state, not a failure. */
function asDamaged(error: unknown): 'damaged' {
  if (error instanceof DatasetDamaged) return 'damaged'
  throw error
}
