/** `dataset package`: hashes the files of datasets and marks them as complete. */
import { join } from 'node:path'
import { MARKER, titleOf } from '../domain/dataset.ts'
import { DatasetDamaged, DatasetRefused } from '../domain/dataset-errors.ts'
import { replaceFile } from '../storage/replace-file.ts'
import { type DataReady, differences, readyText } from './data-ready.ts'
import type { WantedDataset } from './dataset-list.ts'
import { type DatasetEvent, type DatasetSummary, runDatasets, type Telling } from './dataset-run.ts'
import { folderOf, hashFiles, listFiles, readLocalReady, readyFilesOf } from './local-dataset.ts'

/**
 * Writes the marker of each dataset, last and whole. One that has a marker of its version, and whose files are those of the marker by digest, is
 * left alone; sizes decide nothing: markers of v1.0 and v1.1 have the same size.
 */
export function packageDatasets(
  data: string,
  datasets: readonly WantedDataset[],
  onEvent: (event: DatasetEvent) => void,
): Promise<DatasetSummary> {
  return runDatasets(datasets, onEvent, (dataset, tell) => packageOne(data, dataset, tell))
}

async function packageOne(data: string, dataset: WantedDataset, tell: Telling) {
  const subject = titleOf(dataset)
  const folder = folderOf(data, dataset)
  const found = await listFiles(folder, subject)
  if (found.length === 0) throw new DatasetRefused(subject, `${folder} has no files`)
  const bytes = found.reduce((sum, { size }) => sum + size, 0)
  tell.begin(bytes)
  const files = readyFilesOf(await hashFiles(found, subject, tell.progress))
  const before = await markerOf(folder, subject)
  if (before?.version === dataset.version && before.files !== undefined) {
    if (differences(before.files, files).length === 0)
      return { action: 'unchanged', bytes } as const
  }
  const facts = (list: typeof found) =>
    list.map(({ path, source, size, modifiedNs }) => `${path}\0${source}\0${size}\0${modifiedNs}`)
  if (facts(found).join('\n') !== facts(await listFiles(folder, subject)).join('\n')) {
    throw new DatasetRefused(subject, `${folder} changed meanwhile; try again when it is complete`)
  }
  const timestamp = `${new Date().toISOString().slice(0, 19)}Z`
  const text = readyText({ timestamp, version: dataset.version, files })
  await replaceFile(join(folder, MARKER), text)
  return { action: 'packaged', bytes } as const
}

/** The marker that is there; one that cannot be understood is as good as none. */
async function markerOf(folder: string, subject: string): Promise<DataReady | undefined> {
  const local = await readLocalReady(folder, subject).catch(error => {
    if (error instanceof DatasetDamaged) return undefined
    throw error
  })
  return local?.ready
}
