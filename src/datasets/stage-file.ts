/** Writes the files of a dataset beside their place, and compares every byte with its digest on the way. */
import { randomBytes } from 'node:crypto'
import { mkdir, open, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { MARKER } from '../domain/dataset.ts'
import { DatasetDamaged } from '../domain/dataset-errors.ts'
import { RefdepotError, StorageWriteFailed } from '../domain/errors.ts'
import { flushFolder } from '../storage/replace-file.ts'
import { PARTS } from './data-folder.ts'
import type { ReadyFile } from './data-ready.ts'
import { writeHashed } from './write-hashed.ts'

/** Where a file goes. */
export interface StagePlace {
  /** Folder of all data. */
  readonly data: string
  /** Folder that the dataset is prepared in. */
  readonly folder: string
  /** The dataset, for messages. */
  readonly subject: string
}

/**
 * Writes a file; it has its name only when it was found to be the right one.
 *
 * @throws DatasetDamaged, StorageWriteFailed, and what the content throws
 */
export async function stageFile(
  { data, folder, subject }: StagePlace,
  file: ReadyFile,
  content: AsyncIterable<Uint8Array>,
  onBytes: (bytes: number) => void = () => {},
): Promise<void> {
  const part = join(data, PARTS, randomBytes(8).toString('hex'))
  const target = join(folder, ...file.path.split('/'))
  try {
    await mkdir(dirname(part), { recursive: true })
    await mkdir(dirname(target), { recursive: true })
    const handle = await open(part, 'wx', file.executable === true ? 0o755 : 0o644)
    try {
      const digest = await writeHashed({ path: part, handle, size: file.size }, content, onBytes)
      if (digest !== file.sha256) throw damaged(subject, file)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(part, target)
    await flushFolder(dirname(target))
  } catch (error) {
    await rm(part, { force: true }).catch(() => {})
    throw error instanceof RefdepotError ? error : new StorageWriteFailed(target, error)
  }
}

/** Writes the marker of a prepared dataset: it comes last. */
export async function stageMarker(folder: string, text: Buffer): Promise<void> {
  const path = join(folder, MARKER)
  try {
    await mkdir(folder, { recursive: true })
    await writeFile(path, text, { flush: true })
    await flushFolder(folder)
  } catch (error) {
    throw new StorageWriteFailed(path, error)
  }
}

function damaged(subject: string, { path }: ReadyFile): DatasetDamaged {
  const reason = `${path} is damaged: it is not the file of the digest that ${MARKER} names`
  return new DatasetDamaged(subject, reason)
}
