/**
 * `dataset import`: unpacks a bundle, all of it or nothing.
 *
 * Everything is unpacked beside the data and compared with the manifest; then the folders are swapped (`swap-folders.ts`). An entry that the
 * manifest does not name, or that is no plain file, ends the import.
 */
import { createReadStream } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { type Readable, Transform } from 'node:stream'
import { extract, type Header } from 'tar-stream'
import { openRunFolder } from '../archive/run-folder.ts'
import { dataFolderOf, MARKER, storeFolderOf, titleOf } from '../domain/dataset.ts'
import { DatasetDamaged, DatasetRefused } from '../domain/dataset-errors.ts'
import { RefdepotError, StorageFailed } from '../domain/errors.ts'
import {
  type BundledDataset,
  type BundledFile,
  MANIFEST,
  MOST_MANIFEST_BYTES,
  parseManifest,
} from './bundle-manifest.ts'
import { changingData } from './data-folder.ts'
import { differences } from './data-ready.ts'
import { hashFiles, listFiles, readLocalReady, readyFilesOf } from './local-dataset.ts'
import { localState, mustKnow } from './local-state.ts'
import { stageFile } from './stage-file.ts'
import { isSwapping, type Move, swapFolders } from './swap-folders.ts'

/** Where a bundle comes from and goes to. */
export interface ImportOrder {
  readonly data: string
  /** Path of the bundle. */
  readonly file: string
  readonly move?: Move
}

// What stands between entries: headers, long names, padding.
const SLACK = 1024 * 1024

interface Expected {
  readonly dataset: BundledDataset
  readonly file: BundledFile
}

/**
 * Unpacks a bundle; answers its datasets.
 *
 * @throws DatasetRefused, DatasetDamaged, StorageFailed, StorageWriteFailed: nothing has changed then
 */
export function importBundle(order: ImportOrder): Promise<BundledDataset[]> {
  return changingData(order.data, async () => {
    const run = await openRunFolder(order.data)
    try {
      const datasets = await unpack(order, run)
      for (const dataset of datasets) {
        await mustBeWhole(join(run, dataFolderOf(dataset)), dataset)
        const local = await localState(order.data, dataset)
        mustKnow(titleOf(dataset), local, dataset.files)
      }
      const swaps = datasets.map(dataset => ({
        staged: relative(order.data, join(run, dataFolderOf(dataset))),
        target: dataFolderOf(dataset),
      }))
      await swapFolders(order.data, swaps, order.move)
      return datasets
    } finally {
      // When swapping could be neither ended nor taken back, the next run needs what was prepared.
      if (!(await isSwapping(order.data))) await rm(run, { recursive: true, force: true })
    }
  })
}

async function unpack({ data, file }: ImportOrder, run: string): Promise<BundledDataset[]> {
  const refuse = (reason: string) => new DatasetRefused(file, reason)
  let datasets: BundledDataset[] | undefined
  let expected = new Map<string, Expected>()
  for await (const { header, content } of entriesOf(file)) {
    if (header.type !== 'file')
      throw refuse(`${shown(header)} is no plain file but a ${header.type}`)
    if (datasets === undefined) {
      datasets = parseManifest(await manifestIn(header, content, file), file)
      expected = expectedOf(datasets)
      continue
    }
    const found = expected.get(header.name)
    // Once only: what has come is expected no more.
    expected.delete(header.name)
    if (found === undefined) throw refuse(`${shown(header)} is there twice, or not in its manifest`)
    if (header.size !== found.file.size)
      throw refuse(`${shown(header)} has another size than named`)
    const subject = titleOf(found.dataset)
    const folder = join(run, dataFolderOf(found.dataset))
    await stageFile({ data, folder, subject }, { ...found.file, md5: '' }, bytesOf(content, file))
  }
  if (datasets === undefined) throw refuse('it is no bundle: it has no entries')
  const [missing] = expected.keys()
  if (missing !== undefined) throw refuse(`it is not whole: ${missing} is missing`)
  return datasets
}

function expectedOf(datasets: readonly BundledDataset[]): Map<string, Expected> {
  return new Map(
    datasets.flatMap(dataset =>
      dataset.files.map(file => [`${storeFolderOf(dataset)}/${file.path}`, { dataset, file }]),
    ),
  )
}

async function manifestIn(header: Header, content: Readable, bundle: string): Promise<string> {
  if (header.name !== MANIFEST) {
    throw new DatasetRefused(bundle, `it is no bundle: it does not begin with ${MANIFEST}`)
  }
  if ((header.size ?? 0) > MOST_MANIFEST_BYTES) {
    throw new DatasetRefused(bundle, `its ${MANIFEST} is too large`)
  }
  const chunks: Buffer[] = []
  for await (const chunk of bytesOf(content, bundle)) chunks.push(chunk)
  return Buffer.concat(chunks).toString('utf8')
}

/** The marker must name the very files that have come with it. */
async function mustBeWhole(folder: string, dataset: BundledDataset): Promise<void> {
  const subject = titleOf(dataset)
  const local = await readLocalReady(folder, subject)
  const files = await hashFiles(await listFiles(folder, subject), subject)
  const { version, files: named = [] } = local?.ready ?? {}
  const sound = version === dataset.version && differences(named, readyFilesOf(files)).length === 0
  if (!sound)
    throw new DatasetDamaged(subject, `the files of the bundle are not those of its ${MARKER}`)
}

interface TarEntry {
  readonly header: Header
  readonly content: Readable
}

/** The entries of a tar; one that is not read is passed over. Bytes between entries are limited: headers are kept in memory. */
async function* entriesOf(file: string): AsyncGenerator<TarEntry> {
  let allowed = SLACK
  const limit = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      allowed -= chunk.length
      done(allowed < 0 ? new Error('it has more bytes than its entries') : null, chunk)
    },
  })
  const input = createReadStream(file)
  const tar = extract()
  for (const part of [input, limit]) part.once('error', (error: Error) => tar.destroy(error))
  // The loop below throws it; without a listener it would end the process as well.
  tar.on('error', () => {})
  input.pipe(limit).pipe(tar)
  try {
    for await (const entry of tar) {
      const content = entry as unknown as Readable & { header: Header }
      // The entry fails with the tar, also one that nobody reads.
      content.on('error', () => {})
      allowed += (content.header.size ?? 0) + SLACK
      yield { header: content.header, content }
      content.resume()
    }
  } catch (error) {
    throw error instanceof RefdepotError ? error : new StorageFailed(file, error)
  } finally {
    input.destroy()
    limit.destroy()
  }
}

/** The content of an entry; when the bundle ends within it, that is the bundle's fault. */
async function* bytesOf(content: Readable, file: string): AsyncGenerator<Buffer> {
  try {
    yield* content as AsyncIterable<Buffer>
  } catch (error) {
    throw new StorageFailed(file, error)
  }
}

/** The name of an entry for messages; it may hold anything. */
function shown({ name }: Header): string {
  return JSON.stringify(name.slice(0, 200))
}
