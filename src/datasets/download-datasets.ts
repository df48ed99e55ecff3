/**
 * `dataset download`: makes folders equal to what is in a store.
 *
 * A dataset is put together beside its place: files that are there already, by digest, are linked, the others fetched and compared. Only when it
 * is whole it takes the place of what was there, so that any failure leaves the old version untouched.
 */
import { chmod, copyFile, link, mkdir, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { OWN_FOLDER } from '../archive/run-folder.ts'
import { SettingInvalid } from '../config/config-error.ts'
import { dataFolderOf, MARKER, NAME_RULE, storeFolderOf, titleOf } from '../domain/dataset.ts'
import { DatasetDamaged, DatasetMissing, DatasetRefused } from '../domain/dataset-errors.ts'
import { StorageWriteFailed } from '../domain/errors.ts'
import { inParallel } from '../domain/in-parallel.ts'
import type { Store } from '../storage/store.ts'
import { changingData } from './data-folder.ts'
import { differences, type ReadyFile } from './data-ready.ts'
import type { WantedDataset } from './dataset-list.ts'
import { type DatasetEvent, type DatasetSummary, runDatasets, type Telling } from './dataset-run.ts'
import { type HashedFile, readyFilesOf } from './local-dataset.ts'
import { filesIn, type LocalState, localState, mustKnow } from './local-state.ts'
import { keyOf, type RemoteReady, readRemoteReady } from './remote-dataset.ts'
import { stageFile, stageMarker } from './stage-file.ts'
import { type Move, swapFolders } from './swap-folders.ts'

/** Where datasets come from and go to. */
export interface DownloadOrder {
  readonly data: string
  readonly store: Store
  /** Files that are fetched at a time. */
  readonly threads: number
  readonly move?: Move
}

// Where datasets are put together.
const INCOMING = `${OWN_FOLDER}/incoming`

/** Downloads datasets; nobody else changes the data meanwhile. Throws as `changingData`. */
export function downloadDatasets(
  order: DownloadOrder,
  datasets: readonly WantedDataset[],
  onEvent: (event: DatasetEvent) => void,
): Promise<DatasetSummary> {
  return changingData(order.data, async () => {
    const work = (dataset: WantedDataset, tell: Telling) => downloadOne(order, dataset, tell)
    const summary = await runDatasets(datasets, onEvent, work)
    // What was fetched of a dataset that has failed waits for the next run.
    if (summary.failures.length === 0) {
      await rm(join(order.data, INCOMING), { recursive: true, force: true })
    }
    return summary
  })
}

/**
 * The datasets in the versions that were asked for; of several versions the one counts that the store has.
 *
 * @throws SettingInvalid when a version is none, or the store has several of them
 */
export async function inVersions(
  store: Store,
  datasets: readonly WantedDataset[],
  versions: readonly string[],
): Promise<WantedDataset[]> {
  const [first, ...more] = [...new Set(versions)]
  if (first === undefined) return [...datasets]
  for (const version of [first, ...more]) {
    if (!NAME_RULE.pattern.test(version)) {
      throw new SettingInvalid('--version', version, NAME_RULE.wording)
    }
  }
  const chosen: WantedDataset[] = []
  for (const dataset of datasets) {
    const asked = [first, ...more].map(version => ({ ...dataset, version }))
    const there: WantedDataset[] = []
    for (const one of more.length === 0 ? [] : asked) {
      if ((await store.identify(keyOf(one, MARKER))) !== undefined) there.push(one)
    }
    if (there.length > 1) {
      const names = there.map(({ version }) => version).join(' and ')
      const allowed = `one version of ${dataFolderOf(dataset)}: the store has ${names}`
      throw new SettingInvalid('--version', versions.join(', '), allowed)
    }
    chosen.push(there[0] ?? { ...dataset, version: first })
  }
  return chosen
}

async function downloadOne(order: DownloadOrder, dataset: WantedDataset, tell: Telling) {
  const subject = titleOf(dataset)
  const { remote, wanted } = await completeIn(order.store, dataset)
  const local = await localState(order.data, dataset)
  const same = differences(readyFilesOf(local.files), wanted).length === 0
  if (same && local.marker?.equals(remote.text) === true) {
    return { action: 'current', bytes: 0 } as const
  }
  mustKnow(subject, local, wanted)
  const staged = `${INCOMING}/${storeFolderOf(dataset)}`
  const folder = join(order.data, staged)
  const missing = await takeWhatIsThere(folder, subject, local, wanted)
  const bytes = missing.reduce((sum, { size }) => sum + size, 0)
  tell.begin(bytes)
  await inParallel(missing, order.threads, async file => {
    const place = { data: order.data, folder, subject }
    await stageFile(place, file, contentIn(order.store, dataset, file), tell.progress)
  })
  await stageMarker(folder, remote.text)
  await swapFolders(order.data, [{ staged, target: dataFolderOf(dataset) }], order.move)
  return { action: 'downloaded', bytes } as const
}

async function completeIn(
  store: Store,
  dataset: WantedDataset,
): Promise<{ remote: RemoteReady; wanted: readonly ReadyFile[] }> {
  const remote = await readRemoteReady(store, dataset)
  const key = keyOf(dataset, MARKER)
  if (remote === undefined) {
    const reason = `it is incomplete or not there: the store has no ${key}`
    throw new DatasetMissing(titleOf(dataset), reason)
  }
  if (remote.ready.files !== undefined) return { remote, wanted: remote.ready.files }
  const reason = `${key} names no digests (vcpipe-refdata wrote it), so nothing could be checked; whoever has the files runs \`refdepot dataset package\` and \`upload\` once`
  throw new DatasetRefused(titleOf(dataset), reason)
}

/** Puts into the prepared folder what an earlier run has fetched and what the old version has; answers what is missing. */
async function takeWhatIsThere(
  folder: string,
  subject: string,
  local: LocalState,
  wanted: readonly ReadyFile[],
): Promise<ReadyFile[]> {
  const fetched = new Map((await filesIn(folder, subject)).map(file => [file.path, file]))
  const own = new Map(local.files.map(file => [file.sha256, file]))
  const byPath = new Map(wanted.map(file => [file.path, file]))
  for (const file of fetched.values()) {
    if (byPath.get(file.path)?.sha256 === file.sha256) continue
    await rm(file.source, { force: true })
    fetched.delete(file.path)
  }
  // A marker of another run must not be there while files are missing.
  await rm(join(folder, MARKER), { force: true })
  const missing: ReadyFile[] = []
  for (const file of wanted) {
    const target = join(folder, ...file.path.split('/'))
    if (!fetched.has(file.path)) {
      const source = own.get(file.sha256)
      if (source === undefined) {
        missing.push(file)
        continue
      }
      await linkOrCopy(source, target, file.executable === true)
    }
  }
  return missing
}

async function linkOrCopy(from: HashedFile, to: string, executable: boolean): Promise<void> {
  const copied = async () => {
    await copyFile(from.source, to)
    await chmod(to, executable ? 0o755 : 0o644)
  }
  try {
    await mkdir(dirname(to), { recursive: true })
    // A link shares its mode with the old version, which stays as it is; and some file systems have no links.
    if (from.executable === executable) await link(from.source, to).catch(copied)
    else await copied()
  } catch (error) {
    throw new StorageWriteFailed(to, error)
  }
}

async function* contentIn(
  store: Store,
  dataset: WantedDataset,
  file: ReadyFile,
): AsyncGenerator<Uint8Array> {
  const key = keyOf(dataset, file.path)
  const object = await store.open(key)
  if (object?.size !== file.size) {
    await object?.close()
    const problem = object === undefined ? 'is missing' : 'has another size'
    throw new DatasetDamaged(titleOf(dataset), `${key} in the store is damaged: it ${problem}`)
  }
  if (file.size === 0) await object.close()
  else yield* object.stream({ start: 0, end: file.size })
}
