/** A dataset on disk: its marker, its files, and whether they are what the marker says. */
import { createHash } from 'node:crypto'
import { constants } from 'node:fs'
import { lstat, open, readdir, readFile, realpath, stat } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import { ChunkDigests } from '../archive/archive-digest.ts'
import { type Dataset, dataFolderOf, MARKER, titleOf, whyNoPath } from '../domain/dataset.ts'
import { DatasetDamaged, DatasetRefused } from '../domain/dataset-errors.ts'
import { inParallel } from '../domain/in-parallel.ts'
import { byCodePoint } from '../domain/text-order.ts'
import { type DataReady, differences, parseReady, type ReadyFile } from './data-ready.ts'

/** A file of a dataset as it lies on disk. */
export interface LocalFile {
  readonly path: string
  /** Where to read it; a link within the dataset is followed. */
  readonly source: string
  /** Bytes. */
  readonly size: number
  /** Nanoseconds since 1970 of the last change. */
  readonly modifiedNs: bigint
  readonly executable: boolean
}

/** A file that was read whole. */
export interface HashedFile extends LocalFile {
  readonly sha256: string
  readonly md5: string
  /** sha256 of each chunk of the size of `CHUNK_SIZE`: what is sent is compared with them. */
  readonly chunks: readonly string[]
}

/** A marker on disk. */
export interface LocalReady {
  readonly ready: DataReady
  readonly text: Buffer
}

/** A dataset whose files are those of its marker. */
export interface SoundDataset extends LocalReady {
  readonly folder: string
  readonly files: readonly HashedFile[]
}

// Markers that are being written by `replaceFile`, or were when it was killed.
const UNFINISHED_MARKER = /^DATA_READY\.\d+\.[0-9a-f]+\.part$/
const READ_SIZE = 1024 * 1024
// Files that are read at a time: hashing has one processor.
const READERS = 2
// So many names are told; more help nobody.
const MOST_TOLD = 5

/** Absolute or relative path of a dataset below the folder of all data. */
export function folderOf(data: string, dataset: Omit<Dataset, 'version'>): string {
  return join(data, ...dataFolderOf(dataset).split('/'))
}

/** The marker in a folder; undefined when there is none. Throws DatasetDamaged when it is no marker, DatasetRefused when it cannot be read. */
export async function readLocalReady(
  folder: string,
  subject: string,
): Promise<LocalReady | undefined> {
  const text = await readFile(join(folder, MARKER)).catch(error => {
    if (['ENOENT', 'ENOTDIR'].includes(error.code)) return undefined
    throw new DatasetRefused(subject, `its ${MARKER} cannot be read: ${error.message}`)
  })
  return text && { ready: parseReady(text.toString('utf8'), subject), text }
}

/**
 * The files of a dataset by path, without its marker.
 *
 * @param optional - true when the folder need not be there: it has no files then
 * @throws DatasetRefused naming what cannot be part of a dataset
 */
export async function listFiles(
  folder: string,
  subject: string,
  optional = false,
): Promise<LocalFile[]> {
  const root = await realpath(folder).catch(error => {
    const absent = error.code === 'ENOENT'
    if (absent && optional) return undefined
    const reason = absent ? 'it is not there' : error.message
    throw new DatasetRefused(subject, `${folder}: ${reason}`)
  })
  if (root === undefined) return []
  const files: LocalFile[] = []
  const walk = async (below: string): Promise<void> => {
    for (const name of await readdir(join(root, below))) {
      const path = below === '' ? name : `${below}/${name}`
      if (path === MARKER || (below === '' && UNFINISHED_MARKER.test(name))) continue
      const found = await lookAt(root, path, subject)
      if (found === 'folder') await walk(path)
      else files.push(found)
    }
  }
  await mustBePlainMarker(root, subject)
  await walk('').catch(error => {
    if (error instanceof DatasetRefused) throw error
    throw new DatasetRefused(subject, error.message)
  })
  return files.sort((a, b) => byCodePoint(a.path, b.path))
}

/** Reads files and answers them with their digests. Throws DatasetRefused when one cannot be read or changes meanwhile. */
export async function hashFiles(
  files: readonly LocalFile[],
  subject: string,
  onBytes: (bytes: number) => void = () => {},
): Promise<HashedFile[]> {
  const hashed = new Map<string, HashedFile>()
  await inParallel(files, READERS, async file => {
    hashed.set(file.path, await hashFile(file, subject, onBytes))
  })
  return files.map(({ path }) => hashed.get(path) as HashedFile)
}

/**
 * A dataset that may leave this machine: packaged in its version, and unchanged since.
 *
 * @throws DatasetRefused when it must be packaged first, DatasetDamaged when files differ from the marker
 */
export async function soundDataset(data: string, dataset: Dataset): Promise<SoundDataset> {
  const subject = titleOf(dataset)
  const folder = folderOf(data, dataset)
  const local = await readLocalReady(folder, subject)
  const advice = 'run `refdepot dataset package`'
  if (local === undefined) throw new DatasetRefused(subject, `it is not packaged; ${advice}`)
  const { version, files: wanted } = local.ready
  if (version !== dataset.version) {
    throw new DatasetRefused(subject, `its ${MARKER} is that of ${version}; ${advice}`)
  }
  if (wanted === undefined) {
    throw new DatasetRefused(subject, `its ${MARKER} names no digests; ${advice}`)
  }
  const files = await hashFiles(await listFiles(folder, subject), subject)
  const changed = differences(wanted, readyFilesOf(files))
  if (changed.length > 0) {
    const reason = `files differ from its ${MARKER}: ${told(changed)}; restore them, or give it another version and ${advice}`
    throw new DatasetDamaged(subject, reason)
  }
  return { ...local, folder, files }
}

/** Files as a marker lists them. */
export function readyFilesOf(files: readonly HashedFile[]): ReadyFile[] {
  return files.map(({ path, size, sha256, md5, executable }) => ({
    path,
    size,
    sha256,
    md5,
    ...(executable && { executable }),
  }))
}

/** The first names of a list, for messages. */
export function told(paths: readonly string[]): string {
  const more = paths.length - MOST_TOLD
  return paths.slice(0, MOST_TOLD).join(', ') + (more > 0 ? ` and ${more} more` : '')
}

/** A marker that is a link would be written wherever that leads. */
async function mustBePlainMarker(root: string, subject: string): Promise<void> {
  const stats = await lstat(join(root, MARKER)).catch(() => undefined)
  if (stats === undefined || stats.isFile()) return
  throw new DatasetRefused(subject, `${join(root, MARKER)} is no plain file; remove it`)
}

async function lookAt(root: string, path: string, subject: string): Promise<LocalFile | 'folder'> {
  const source = join(root, path)
  const refuse = (reason: string) => new DatasetRefused(subject, `${source}: ${reason}`)
  const odd = whyNoPath(path)
  if (odd !== undefined) throw refuse(odd)
  const stats = await lstat(source, { bigint: true })
  if (stats.isDirectory()) return 'folder'
  if (stats.isFile()) return fileOf(path, source, stats)
  if (!stats.isSymbolicLink()) throw refuse('it is a device, socket or pipe; remove it')
  const real = await realpath(source).catch(() => {
    throw refuse('it is a link that leads nowhere; remove it')
  })
  const way = relative(root, real)
  if (way === '..' || way.startsWith(`..${sep}`)) {
    throw refuse(`it is a link that leads out (${real}); put the file itself in its place`)
  }
  const target = await stat(real, { bigint: true })
  if (!target.isFile()) throw refuse('it is a link to a folder; put the folder itself in its place')
  return fileOf(path, real, target)
}

function fileOf(
  path: string,
  source: string,
  stats: { size: bigint; mtimeNs: bigint; mode: bigint },
): LocalFile {
  const { size, mtimeNs: modifiedNs, mode } = stats
  return { path, source, size: Number(size), modifiedNs, executable: (mode & 0o111n) !== 0n }
}

async function hashFile(
  file: LocalFile,
  subject: string,
  onBytes: (bytes: number) => void,
): Promise<HashedFile> {
  const digests = { sha256: createHash('sha256'), md5: createHash('md5') }
  const chunks = new ChunkDigests()
  try {
    const handle = await open(file.source, constants.O_RDONLY | constants.O_NOFOLLOW)
    const stream = handle.createReadStream({ highWaterMark: READ_SIZE })
    let size = 0
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      digests.sha256.update(chunk)
      digests.md5.update(chunk)
      chunks.update(chunk)
      size += chunk.length
      onBytes(chunk.length)
    }
    const { mtimeNs } = await stat(file.source, { bigint: true })
    if (size !== file.size || mtimeNs !== file.modifiedNs) {
      throw new Error('it changed while it was read; try again when it is complete')
    }
  } catch (error) {
    throw new DatasetRefused(subject, `${file.source}: ${(error as Error).message}`)
  }
  const { sha256, md5 } = digests
  return { ...file, sha256: sha256.digest('hex'), md5: md5.digest('hex'), chunks: chunks.end() }
}
