/** Pulls single files out of archives, into a folder under their own names: only their blocks are fetched. */
import { mkdir, rename, rm, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { RefdepotError, StorageWriteFailed } from '../domain/errors.ts'
import { inParallel } from '../domain/in-parallel.ts'
import { PullRefused, UsageInvalid } from '../domain/transfer-errors.ts'
import { flushFolder } from '../storage/replace-file.ts'
import { hashFile } from '../transfer/hash-file.ts'
import type { TransferSummary } from '../transfer/transfer-options.ts'
import { unpackArchive } from '../transfer/unpack-archive.ts'
import { archiveFile, indexOf } from './archive-facts.ts'
import { withArchiveLock } from './archive-lock.ts'
import { HIDDEN_FOLDER } from './placed-record.ts'
import type { PullOptions } from './pull.ts'
import type { PullDone, PullSummary } from './pull-events.ts'
import type { RemoteAsset } from './remote-asset.ts'
import { mustHaveRoom } from './room.ts'
import type { PullItem } from './wanted.ts'
import { mustHaveIndex, type WantedFile, wantedFiles } from './wanted-files.ts'

/** The files of one asset. */
interface FilesPlan {
  readonly asset: RemoteAsset
  readonly missing: readonly WantedFile[]
}

/** How files are pulled; there is no target, since single files are no asset. */
export type PullFilesOptions = Omit<PullOptions, 'target' | 'archive'>

// Small downloads: what counts is how long answers take.
const PARALLEL = 4

/**
 * Pulls the files that items name, into `folder`.
 *
 * @throws PullRefused, NotInCatalogue, RemoteFailed, DiskFull before any file is fetched; what fails for one asset is in the summary
 */
export async function pullFiles(
  items: readonly PullItem[],
  options: PullFilesOptions,
): Promise<PullSummary> {
  const folder = resolve(options.folder)
  const plans = await planFiles(items, { ...options, folder })
  const summary: { done: PullDone[]; failed: PullSummary['failed'][number][] } = {
    done: [],
    failed: [],
  }
  if (options.dryRun === true) {
    for (const { asset, missing } of plans) {
      const bytes = missing.reduce((sum, { packed }) => sum + packed, 0)
      if (bytes > 0) options.onEvent?.({ event: 'missing', subject: asset.registryPath, bytes })
    }
    return summary
  }
  await inParallel(plans, PARALLEL, async plan => {
    options.signal?.throwIfAborted()
    const { registryPath: subject } = plan.asset
    try {
      const cost = await fetchFiles(plan, { ...options, folder })
      const action = plan.missing.length === 0 ? ('current' as const) : ('pulled' as const)
      const done = { event: 'done' as const, subject, action, path: folder, ...cost }
      summary.done.push(done)
      options.onEvent?.(done)
    } catch (error) {
      if (options.signal?.aborted === true) throw options.signal.reason
      if (!(error instanceof RefdepotError)) throw error
      summary.failed.push({ subject, error })
      options.onEvent?.({ event: 'failed', subject, error })
    }
  })
  return summary
}

async function planFiles(
  items: readonly PullItem[],
  options: PullFilesOptions,
): Promise<FilesPlan[]> {
  const { network, folder, force = false, signal, onEvent } = options
  const taken = new Map<string, string>()
  const plans: FilesPlan[] = []
  for (const { asset, only = [] } of items) {
    const index = mustHaveIndex(asset, await indexOf(asset, network, signal))
    const files = wantedFiles(asset, index, only)
    for (const { path } of files) mustBeFree(taken, path, asset.registryPath)
    const missing: WantedFile[] = []
    for (const file of files) {
      if (!(await isThere(join(folder, file.path), file, force))) missing.push(file)
    }
    plans.push({ asset, missing })
  }
  const sum = (bytes: (file: WantedFile) => number) =>
    plans.reduce((all, { missing }) => all + missing.reduce((own, file) => own + bytes(file), 0), 0)
  await mustHaveRoom(
    folder,
    sum(file => file.size),
  )
  const current = plans.filter(({ missing }) => missing.length === 0).length
  onEvent?.({ event: 'planned', assets: plans.length, current, bytes: sum(file => file.packed) })
  return plans
}

function mustBeFree(taken: Map<string, string>, path: string, registryPath: string): void {
  // Some file systems do not tell upper case from lower case.
  const key = path.normalize('NFC').toLowerCase()
  const other = taken.get(key)
  if (other !== undefined) {
    throw new UsageInvalid(
      `${other} and ${registryPath} both have ${path}; pull them into two folders`,
    )
  }
  taken.set(key, registryPath)
}

/** True for a file that is there with the right content. */
async function isThere(
  path: string,
  { size, sha256 }: WantedFile,
  force: boolean,
): Promise<boolean> {
  const stats = await stat(path).catch(() => undefined)
  if (stats === undefined || force) return false
  if (stats.isFile() && stats.size === size && (await hashFile(path, 'sha256')) === sha256)
    return true
  throw new PullRefused(
    `${path} is there and is another file; move it away, or replace it with --force`,
  )
}

async function fetchFiles(
  { asset, missing }: FilesPlan,
  { network, folder, onEvent, signal, jobs, race }: PullFilesOptions,
): Promise<TransferSummary> {
  if (missing.length === 0) return { received: 0, resumed: 0, retried: 0 }
  const index = mustHaveIndex(asset, await indexOf(asset, network, signal))
  const bytes = missing.reduce((sum, { packed }) => sum + packed, 0)
  onEvent?.({ event: 'begin', subject: asset.registryPath, bytes })
  const staging = join(folder, HIDDEN_FOLDER, 'staging', `${asset.archive.md5}.files`)
  await mkdir(dirname(staging), { recursive: true }).catch(error => {
    throw new StorageWriteFailed(staging, error)
  })
  return withArchiveLock(
    `${staging}.lock`,
    async () => {
      const summary = await unpackArchive(archiveFile(asset, index), staging, {
        network,
        index,
        only: missing.map(({ path }) => path),
        ...(jobs !== undefined && { jobs }),
        ...(race !== undefined && { race }),
        ...(signal && { signal }),
        ...(onEvent && { onEvent }),
      })
      await moveIn(staging, folder, missing)
      return summary
    },
    signal === undefined ? {} : { signal },
  )
}

async function moveIn(
  staging: string,
  folder: string,
  files: readonly WantedFile[],
): Promise<void> {
  for (const { path } of files) {
    const place = join(folder, path)
    try {
      await mkdir(dirname(place), { recursive: true })
      await rename(join(staging, path), place)
      await flushFolder(dirname(place))
    } catch (error) {
      throw new StorageWriteFailed(place, error)
    }
  }
  await rm(staging, { recursive: true, force: true })
}
