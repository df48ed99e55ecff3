/** The files of the refgenie APIs: archives, logs, recipes and lists of contents, from here or from a remote. */
import { archiveName, foldersOf, type SideFile, sideFileName } from '../archive/archive-places.ts'
import type { ArchiveForm, CatalogueEntry } from '../domain/catalogue.ts'
import { ArchiveMissing } from '../domain/errors.ts'
import { nameOf } from '../domain/genome.ts'
import { RefgenieError } from './errors.ts'
import type { RefgenieAnswer, RefgenieCall } from './refgenie-route.ts'
import { redirectPrefix } from './remote.ts'
import { sideJsonAnswer } from './side-json.ts'

/** The archive of a tag; `missing` is the peer's text when its file is not there. */
export async function archiveAnswer(
  call: RefgenieCall,
  entry: CatalogueEntry,
  form: ArchiveForm,
  missing: string,
): Promise<RefgenieAnswer> {
  const filename = archiveName(entry)
  const remote = remoteUrl(call, entry, form, filename)
  if (remote !== undefined) return { redirect: remote }
  try {
    const blob = await call.generation.folder.archive(entry, form, aliasFor(call, entry))
    return { blob, filename, data: true, until: blob.heldUntil }
  } catch (error) {
    if (error instanceof ArchiveMissing) throw new RefgenieError(404, missing)
    throw error
  }
}

/** The build log of a tag. */
export async function logAnswer(
  call: RefgenieCall,
  entry: CatalogueEntry,
  form: ArchiveForm,
  missing: string,
): Promise<RefgenieAnswer> {
  const filename = sideFileName(entry, 'log')
  const remote = remoteUrl(call, entry, form, filename)
  if (remote !== undefined) return { redirect: remote }
  const blob = await call.generation.folder.sideFile(entry, 'log', form)
  if (blob === undefined) throw new RefgenieError(404, missing)
  return { blob, filename, data: true }
}

/** A JSON file of a tag, written anew as the peer does. */
export async function jsonFileAnswer(
  call: RefgenieCall,
  entry: CatalogueEntry,
  file: Exclude<SideFile, 'log'>,
  form: ArchiveForm,
  missing: string,
): Promise<RefgenieAnswer> {
  const remote = remoteUrl(call, entry, form, sideFileName(entry, file))
  if (remote !== undefined) return { redirect: remote }
  const blob = await sideJsonAnswer(call.generation, entry, file, form)
  if (blob === undefined) throw new RefgenieError(404, missing)
  return { blob }
}

/** The name the caller used for the genome; a caller with a digest gets the first alias. */
export function aliasFor(call: RefgenieCall, { genome }: CatalogueEntry): string {
  const typed = call.path('genome')
  return genome.aliases.includes(typed) ? typed : nameOf(genome)
}

function remoteUrl(
  call: RefgenieCall,
  entry: CatalogueEntry,
  form: ArchiveForm,
  file: string,
): string | undefined {
  const prefix = redirectPrefix(call.generation.catalogue)
  if (prefix === undefined) return undefined
  // What is controlled is not on a public store; and clients take their credentials along to wherever they are sent (seen with wget,
  // aria2, urllib).
  if (call.staysHere || call.generation.folder.isControlled(entry)) return undefined
  const [folder] = foldersOf(entry, form)
  return `${prefix}/${encodeURIComponent(folder as string)}/${encodeURIComponent(file)}`
}
