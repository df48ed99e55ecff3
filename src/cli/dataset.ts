/** `refdepot dataset …`: the commands of vcpipe-refdata. */
import { availableParallelism } from 'node:os'
import { SettingInvalid } from '../config/config-error.ts'
import { healData } from '../datasets/data-folder.ts'
import { readDatasets, selectDatasets, type WantedDataset } from '../datasets/dataset-list.ts'
import type { DatasetSummary } from '../datasets/dataset-run.ts'
import { type DatasetStatus, statusOf } from '../datasets/dataset-status.ts'
import { downloadDatasets, inVersions } from '../datasets/download-datasets.ts'
import { exportBundle } from '../datasets/export-bundle.ts'
import { importBundle } from '../datasets/import-bundle.ts'
import { packageDatasets } from '../datasets/package-datasets.ts'
import { type IndexedDataset, indexDataset, publishDatasets } from '../datasets/publish-datasets.ts'
import { uploadDatasets } from '../datasets/upload-datasets.ts'
import { titleOf } from '../domain/dataset.ts'
import { formatSize } from '../domain/human-size.ts'
import { datasetView } from './dataset-events.ts'
import { EXIT, exitCodeOf } from './exit-codes.ts'
import { type StoreFlags, storeOf } from './store-flags.ts'
import { tableText } from './table.ts'

/** Flags of the commands; each has some of them. */
export interface DatasetFlags extends StoreFlags {
  readonly datasets?: string
  readonly data?: string
  readonly threads?: string
  readonly nature?: readonly string[]
  readonly dataType?: readonly string[]
  readonly kindId?: readonly string[]
  readonly version?: readonly string[]
  readonly showDataTypes?: boolean
  readonly publish?: boolean
  readonly deep?: boolean
  readonly json?: boolean
}

// As vcpipe-refdata: more connections gain nothing.
const MOST_THREADS = 20

/** Lists the kinds of `datasets.json`. */
export async function runListKinds(flags: DatasetFlags): Promise<number> {
  const kinds = new Map<
    string,
    { nature: string; kind: string; version: string; data_types: string[] }
  >()
  for (const { nature, kind, version, type } of await selected(flags)) {
    const row = kinds.get(`${nature}/${kind}`) ?? { nature, kind, version, data_types: [] }
    row.data_types.push(type)
    kinds.set(`${nature}/${kind}`, row)
  }
  const rows = [...kinds.values()]
  if (flags.json === true) {
    process.stdout.write(`${JSON.stringify(rows)}\n`)
    return EXIT.ok
  }
  const head = [
    'Nature',
    'Kind',
    'Version',
    ...(flags.showDataTypes === true ? ['Data types'] : []),
  ]
  const cells = rows.map(({ nature, kind, version, data_types: types }) =>
    [nature, kind, version, types.join(', ')].slice(0, head.length),
  )
  process.stdout.write(tableText(head, cells))
  return EXIT.ok
}

/** Marks datasets as complete. */
export async function runPackage(flags: DatasetFlags): Promise<number> {
  const datasets = await selected(flags)
  await healData(dataOf(flags))
  const view = datasetView(flags.json === true)
  const summary = await packageDatasets(dataOf(flags), datasets, view.onEvent)
  view.end(summary)
  return exitOf(summary)
}

/** Sends datasets into a store and lists them in its catalogue. */
export async function runUpload(flags: DatasetFlags): Promise<number> {
  const datasets = await selected(flags)
  const order = { data: dataOf(flags), to: await storeOf(flags), threads: threadsOf(flags) }
  await healData(order.data)
  const view = datasetView(flags.json === true)
  const indexed: IndexedDataset[] = []
  const summary = await uploadDatasets(order, datasets, view.onEvent, async uploaded => {
    if (flags.publish !== false) indexed.push(await indexDataset(order.to, uploaded))
  })
  const generation = indexed.length > 0 ? await publishDatasets(order.to, indexed) : undefined
  view.end(summary, generation === undefined ? {} : { generation })
  return exitOf(summary)
}

/** Fetches datasets from a store. */
export async function runDownload(flags: DatasetFlags): Promise<number> {
  const { store } = await storeOf(flags)
  const threads = threadsOf(flags)
  const datasets = await inVersions(store, await selected(flags), flags.version ?? [])
  const view = datasetView(flags.json === true)
  const order = { data: dataOf(flags), store, threads }
  const summary = await downloadDatasets(order, datasets, view.onEvent)
  view.end(summary)
  return exitOf(summary)
}

/** Compares list, disk and store; answers 1 when something differs. */
export async function runStatus(flags: DatasetFlags): Promise<number> {
  const datasets = await selected(flags)
  const store = flags.store === undefined ? undefined : (await storeOf(flags)).store
  const order = { data: dataOf(flags), deep: flags.deep === true, ...(store && { store }) }
  const rows: DatasetStatus[] = []
  for (const dataset of datasets) rows.push(await statusOf(order, dataset))
  if (flags.json === true) process.stdout.write(`${JSON.stringify(rows)}\n`)
  else {
    const cells = rows.map(({ dataset, wanted, version, local, remote, drift }) => {
      const here = version === '' ? local : `${version}, ${local}`
      return [dataset, wanted, here, remote, drift ? 'DIFFERS' : 'ok']
    })
    process.stdout.write(tableText(['Dataset', 'Wanted', 'Here', 'Store', ''], cells))
  }
  return rows.some(({ drift }) => drift) ? EXIT.failed : EXIT.ok
}

/** Writes datasets into a tar. */
export async function runExport(file: string, flags: DatasetFlags): Promise<number> {
  const exported = await exportBundle(dataOf(flags), await selected(flags), file)
  const { datasets, bytes } = exported
  process.stdout.write(
    flags.json === true
      ? `${JSON.stringify({ event: 'exported', file, ...exported })}\n`
      : `exported ${datasets} datasets (${formatSize(bytes)}) to ${file}\n`,
  )
  return EXIT.ok
}

/** Puts the datasets of a tar in place. */
export async function runImport(file: string, flags: DatasetFlags): Promise<number> {
  const datasets = await importBundle({ data: dataOf(flags), file })
  for (const dataset of datasets) {
    const { nature, type, kind, version } = dataset
    process.stdout.write(
      flags.json === true
        ? `${JSON.stringify({ event: 'imported', nature, type, kind, version })}\n`
        : `imported ${titleOf(dataset)}\n`,
    )
  }
  return EXIT.ok
}

async function selected(flags: DatasetFlags): Promise<WantedDataset[]> {
  const datasets = await readDatasets(flags.datasets ?? '')
  const { nature: natures = [], dataType: types = [], kindId: kinds = [] } = flags
  return selectDatasets(datasets, { natures, types, kinds })
}

function dataOf({ data = '' }: DatasetFlags): string {
  if (data === '') throw new SettingInvalid('--data', data, 'a folder')
  return data
}

function threadsOf({ threads }: DatasetFlags): number {
  if (threads === undefined) return Math.min(availableParallelism(), MOST_THREADS)
  if (/^[1-9]\d{0,2}$/.test(threads)) return Number(threads)
  throw new SettingInvalid('--threads', threads, 'a number from 1 to 999')
}

/** Damage counts most; else 6 when some have failed, and the code of the first failure when all have. */
function exitOf({ done, failures }: DatasetSummary): number {
  const [first] = failures
  if (first === undefined) return EXIT.ok
  const codes = failures.map(exitCodeOf)
  if (codes.includes(EXIT.digestMismatch)) return EXIT.digestMismatch
  return done > 0 ? EXIT.partial : exitCodeOf(first)
}
