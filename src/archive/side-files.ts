/** The small files beside the archives of an archive folder, to be sent along with them. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { CatalogueEntry } from '../domain/catalogue.ts'
import { FOLDER_PLACES, type SideFile, sideFileName } from './archive-places.ts'

/** All there are. */
export const SIDE_FILES: readonly SideFile[] = ['log', 'recipe', 'contents']

/** One of them, as it lies in the folder. */
export interface FoundSideFile {
  readonly file: SideFile
  /** Its name there and everywhere. */
  readonly name: string
  readonly content: Buffer
}

/** The side files of a tag; one that is missing or cannot be read is left out: an archive is whole without them. */
export async function sideFilesIn(
  archiveFolder: string,
  entry: CatalogueEntry,
): Promise<FoundSideFile[]> {
  const found: FoundSideFile[] = []
  for (const file of SIDE_FILES) {
    const name = sideFileName(entry, file)
    const content = await firstOf(
      FOLDER_PLACES.foldersOf(entry, 'stored').map(folder => join(archiveFolder, folder, name)),
    )
    if (content !== undefined) found.push({ file, name, content })
  }
  return found
}

async function firstOf(paths: readonly string[]): Promise<Buffer | undefined> {
  for (const path of paths) {
    const content = await readFile(path).catch(() => undefined)
    if (content !== undefined) return content
  }
  return undefined
}
