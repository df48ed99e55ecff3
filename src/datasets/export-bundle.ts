/** `dataset export`: writes datasets into one tar, for networks that reach no store. */
import { createHash, randomBytes } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { type Pack, pack } from 'tar-stream'
import { MARKER, storeFolderOf, titleOf } from '../domain/dataset.ts'
import { DatasetDamaged } from '../domain/dataset-errors.ts'
import { RefdepotError, StorageWriteFailed } from '../domain/errors.ts'
import { flushFolder } from '../storage/replace-file.ts'
import { type BundledDataset, MANIFEST, manifestText } from './bundle-manifest.ts'
import { healData } from './data-folder.ts'
import type { WantedDataset } from './dataset-list.ts'
import { type HashedFile, readyFilesOf, type SoundDataset, soundDataset } from './local-dataset.ts'

/** What a bundle was written of. */
export interface Exported {
  readonly datasets: number
  /** Bytes of their files. */
  readonly bytes: number
}

// The same for every file, so that the same datasets make the same bundle.
const MODIFIED = new Date(946_684_800_000)

/**
 * Writes a bundle; it has its name only when it is whole.
 *
 * @throws DatasetRefused when a dataset is not packaged, DatasetDamaged when its files differ from its marker, StorageWriteFailed
 */
export async function exportBundle(
  data: string,
  datasets: readonly WantedDataset[],
  file: string,
): Promise<Exported> {
  await healData(data)
  const sound: SoundDataset[] = []
  for (const dataset of datasets) sound.push(await soundDataset(data, dataset))
  const listed = datasets.map((dataset, i) => bundled(dataset, sound[i] as SoundDataset))
  const temporary = `${file}.${process.pid}.${randomBytes(4).toString('hex')}.part`
  const tar = pack()
  try {
    const writing = pipeline(tar, createWriteStream(temporary, { flags: 'wx', flush: true }))
    await Promise.all([writing, addAll(tar, datasets, sound, listed)])
    await rename(temporary, file)
    await flushFolder(dirname(file))
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {})
    throw error instanceof RefdepotError ? error : new StorageWriteFailed(file, error)
  }
  const bytes = listed.flatMap(({ files }) => files).reduce((sum, { size }) => sum + size, 0)
  return { datasets: datasets.length, bytes }
}

function bundled(dataset: WantedDataset, { files, text }: SoundDataset): BundledDataset {
  const { nature, type, kind, version } = dataset
  const sha256 = createHash('sha256').update(text).digest('hex')
  const marker = { path: MARKER, size: text.length, sha256 }
  const own = readyFilesOf(files).map(({ md5: _, ...file }) => file)
  return { nature, type, kind, version, files: [...own, marker] }
}

async function addAll(
  tar: Pack,
  datasets: readonly WantedDataset[],
  sound: readonly SoundDataset[],
  listed: readonly BundledDataset[],
): Promise<void> {
  try {
    await addText(tar, MANIFEST, Buffer.from(manifestText(listed)))
    for (const [i, dataset] of datasets.entries()) {
      const { files, text } = sound[i] as SoundDataset
      for (const file of files) await addFile(tar, dataset, file)
      await addText(tar, `${storeFolderOf(dataset)}/${MARKER}`, text)
    }
    tar.finalize()
  } catch (error) {
    tar.destroy(error as Error)
    throw error
  }
}

function addText(tar: Pack, name: string, content: Buffer): Promise<void> {
  return new Promise((done, failed) => {
    tar.entry({ name, mtime: MODIFIED, mode: 0o644 }, content, error =>
      error ? failed(error) : done(),
    )
  })
}

/** What is written is hashed again: a file that changed since it was checked is in no bundle. */
async function addFile(tar: Pack, dataset: WantedDataset, file: HashedFile): Promise<void> {
  const name = `${storeFolderOf(dataset)}/${file.path}`
  const mode = file.executable ? 0o755 : 0o644
  const hash = createHash('sha256')
  const entry = tar.entry({ name, size: file.size, mtime: MODIFIED, mode })
  const checked = async function* (content: AsyncIterable<Buffer>) {
    for await (const chunk of content) {
      hash.update(chunk)
      yield chunk
    }
  }
  await pipeline(createReadStream(file.source), checked, entry).catch(() => {})
  if (hash.digest('hex') === file.sha256) return
  throw new DatasetDamaged(titleOf(dataset), `${file.source} changed while it was exported`)
}
