/** What lies in the place of a dataset before another version takes it. */
import { type Dataset, titleOf } from '../domain/dataset.ts'
import { DatasetDamaged, DatasetRefused } from '../domain/dataset-errors.ts'
import type { ReadyFile } from './data-ready.ts'
import {
  folderOf,
  type HashedFile,
  hashFiles,
  listFiles,
  readLocalReady,
  told,
} from './local-dataset.ts'

/**
 * Refuses to replace a folder in which there are files that no dataset has put there.
 *
 * @throws DatasetRefused naming them
 */
export function mustKnow(
  subject: string,
  local: LocalState,
  wanted: readonly Pick<ReadyFile, 'path'>[],
): void {
  const known = new Set([...local.known, ...wanted.map(({ path }) => path)])
  const strange = local.files.map(({ path }) => path).filter(path => !known.has(path))
  if (strange.length === 0) return
  const reason = `${local.folder} has files that are not part of it: ${told(strange)}; move them elsewhere`
  throw new DatasetRefused(subject, reason)
}

/** What lies in the place of a dataset. */
export interface LocalState {
  readonly folder: string
  readonly files: readonly HashedFile[]
  /** Paths of the files that its marker names. */
  readonly known: readonly string[]
  readonly marker: Buffer | undefined
}

/** Looks at what lies in the place of a dataset, by digest. Throws DatasetRefused. */
export async function localState(data: string, dataset: Dataset): Promise<LocalState> {
  const subject = titleOf(dataset)
  const folder = folderOf(data, dataset)
  const files = await filesIn(folder, subject)
  // A marker that cannot be understood vouches for nothing.
  const local = await readLocalReady(folder, subject).catch(error => {
    if (!(error instanceof DatasetDamaged)) throw error
  })
  const known = (local?.ready.files ?? []).map(({ path }) => path)
  return { folder, files, known, marker: local?.text }
}

/** The files in a folder that need not be there. Throws DatasetRefused. */
export async function filesIn(folder: string, subject: string): Promise<HashedFile[]> {
  const found = await listFiles(folder, subject, true)
  return hashFiles(found, subject)
}
