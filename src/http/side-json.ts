/** Reads the JSON files beside an archive. */
import { type SideFile, sideFileName } from '../archive/archive-places.ts'
import type { ArchiveForm, CatalogueEntry } from '../domain/catalogue.ts'
import { StorageFailed } from '../domain/errors.ts'
import type { Blob } from '../storage/blob.ts'
import type { VisibleFolder } from './access/visible-folder.ts'
import type { VisibleGeneration } from './access/visible-generation.ts'
import { json } from './answers.ts'

// A recipe or a list of contents beyond this is not what it claims to be.
const MOST_JSON_BYTES = 64 * 1024 * 1024

/**
 * A recipe or a list of contents as JSON, written anew once for each state of its file; undefined when there is none. Throws as
 * {@link readSideJson}.
 */
export async function sideJsonAnswer(
  { folder, answers }: VisibleGeneration,
  entry: CatalogueEntry,
  file: Exclude<SideFile, 'log'>,
  form: ArchiveForm,
): Promise<Blob | undefined> {
  const blob = await folder.sideFile(entry, file, form)
  if (blob === undefined) return undefined
  const name = `${file} ${blob.etag}`
  const kept = answers.kept(entry.tag, name)
  if (kept === undefined)
    return answers.keep(entry.tag, name, json(await parsed(blob, entry, file)))
  await blob.close()
  return kept
}

/**
 * The value of a recipe or a list of contents; undefined when there is none.
 *
 * @throws StorageFailed when the file is no JSON or far too large
 */
export async function readSideJson(
  folder: VisibleFolder,
  entry: CatalogueEntry,
  file: Exclude<SideFile, 'log'>,
  form: ArchiveForm,
): Promise<unknown> {
  const blob = await folder.sideFile(entry, file, form)
  return blob && parsed(blob, entry, file)
}

async function parsed(
  blob: Blob,
  entry: CatalogueEntry,
  file: Exclude<SideFile, 'log'>,
): Promise<unknown> {
  try {
    if (blob.size > MOST_JSON_BYTES) throw new Error(`it has ${blob.size} bytes`)
    return JSON.parse((await blob.bytes({ start: 0, end: blob.size })).toString('utf8'))
  } catch (error) {
    throw new StorageFailed(sideFileName(entry, file), error)
  } finally {
    await blob.close()
  }
}
