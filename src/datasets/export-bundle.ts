/** `dataset export`: writes datasets into one tar, for networks that reach no store. */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { Readable } from 'node:stream'
import { type TarMember, writeTar } from '../archive/tar-file.ts'
import { MARKER, storeFolderOf, titleOf } from '../domain/dataset.ts'
import { DatasetDamaged } from '../domain/dataset-errors.ts'
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

/**
 * Writes a bundle; it has its name only when it is whole, and the same datasets make the same bytes.
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
  const members = datasets.flatMap((dataset, i) => membersOf(dataset, sound[i] as SoundDataset))
  const manifest = textMember(MANIFEST, Buffer.from(manifestText(listed)))
  await writeTar(
    file,
    [manifest, ...members],
    // A text is what it is.
    ({ dataset, source = '' }) =>
      new DatasetDamaged(dataset ?? '', `${source} changed while it was exported`),
  )
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

/** A member, and what it was made of. */
interface ExportedMember extends TarMember {
  readonly dataset?: string
  readonly source?: string
}

/** The files of a dataset; its marker is the last one. */
function membersOf(dataset: WantedDataset, { files, text }: SoundDataset): ExportedMember[] {
  const folder = storeFolderOf(dataset)
  const members = files.map(file => ({ ...memberOf(file, folder), dataset: titleOf(dataset) }))
  return [...members, textMember(`${folder}/${MARKER}`, text)]
}

function memberOf(file: HashedFile, folder: string): ExportedMember {
  const { path, size, sha256, executable, source } = file
  const content = () => createReadStream(source)
  return { path: `${folder}/${path}`, size, sha256, executable, source, content }
}

function textMember(path: string, text: Buffer): ExportedMember {
  const sha256 = createHash('sha256').update(text).digest('hex')
  return { path, size: text.length, sha256, content: () => Readable.from([text]) }
}
