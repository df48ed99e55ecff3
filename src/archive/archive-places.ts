/**
 * Where the files of an archive folder lie: names of files and folders, and nothing else.
 *
 * Two layouts are written and read. Names come from the catalogue, never from a request. `refgenieserver` (reference §2.1):
 *
 *     <genome digest>/<asset>__<tag>.tgz                        the archive of API v3
 *     <genome digest>/<asset>__<tag>/                           unpacked copy (made by the peer only)
 *     <genome digest>/asset_dir_contents_<asset>__<tag>.json    list of the files
 *     <genome digest>/build_log_<asset>__<tag>.md, build_recipe_<asset>__<tag>.json
 *     <first alias>/<asset>__<tag>.tgz                          the archive of API v1 and v2; log and recipe again
 *
 * `refgenie1`: the same names, below `<genome digest>/<asset>/<tag>/` (there is called group what is asset here).
 */
import { SettingInvalid } from '../config/config-error.ts'
import type { ArchiveForm, CatalogueEntry } from '../domain/catalogue.ts'
import { nameOf } from '../domain/genome.ts'

/** The small files beside an archive. */
export type SideFile = 'log' | 'recipe' | 'contents'

/** How folders are nested. */
export type ArchiveLayout = 'refgenieserver' | 'refgenie1'

const LAYOUTS: readonly ArchiveLayout[] = ['refgenieserver', 'refgenie1']

/**
 * The layout of a setting; refgenieserver's when there is none.
 *
 * @throws SettingInvalid
 */
export function layoutNamed(value: unknown): ArchiveLayout {
  const layout = LAYOUTS.find(name => name === (value ?? LAYOUTS[0]))
  if (layout === undefined)
    throw new SettingInvalid('archive-layout', String(value), LAYOUTS.join(' or '))
  return layout
}

/** Folders that may hold the files of a tag, the first one that has the file counts. */
export function foldersOf(
  { genome, asset, tag }: CatalogueEntry,
  form: ArchiveForm,
): readonly string[] {
  const names = form === 'stored' ? [genome.folder] : [nameOf(genome), genome.folder]
  return names.flatMap(name => [name, `${name}/${asset.name}/${tag.name}`])
}

/** Folder that a layout puts the files of a tag into. */
export function folderIn(
  layout: ArchiveLayout,
  genomeFolder: string,
  { asset, tag }: CatalogueEntry,
): string {
  return layout === 'refgenie1' ? `${genomeFolder}/${asset.name}/${tag.name}` : genomeFolder
}

/** Keys that an archive may have in the store, the first one that is there counts. */
export function archiveKeys(entry: CatalogueEntry, form: ArchiveForm): readonly string[] {
  // Without a digest of its own there is no alias-named archive: v1 and v2 then serve the stored one, as the peer does.
  const legacy = form === 'legacy' && entry.tag.legacyArchiveDigest !== ''
  const name = legacy ? nameOf(entry.genome) : entry.genome.folder
  const { asset, tag } = entry
  return [
    `${name}/${archiveName(entry)}`,
    `${name}/${asset.name}/${tag.name}/${archiveName(entry)}`,
  ]
}

/** Where the files of tags lie in a store. */
export interface ArchivePlaces {
  /** Keys that an archive may have, the first one that is there counts. */
  archiveKeys(entry: CatalogueEntry, form: ArchiveForm): readonly string[]
  /** Folders that may hold the small files of a tag, the first one that has the file counts. */
  foldersOf(entry: CatalogueEntry, form: ArchiveForm): readonly string[]
  /** Keys that the unpacked copy of a tag may have. */
  unpackedKeys(entry: CatalogueEntry): readonly string[]
}

/** The places of an archive folder, in both of its layouts. */
export const FOLDER_PLACES: ArchivePlaces = { archiveKeys, foldersOf, unpackedKeys }

/** Folder of everything of one archive in a published store: named by its bytes, so that no generation ever changes it. */
export function publishedFolder({ tag }: CatalogueEntry): string {
  return folderOfArchive(tag.archiveDigest)
}

/** The same, by the md5 of the archive. */
export function folderOfArchive(md5: string): string {
  return `archives/${md5}`
}

/** The places of a published store. */
export const PUBLISHED_PLACES: ArchivePlaces = {
  archiveKeys: (entry, form) => [`archives/${claimedDigest(entry, form)}/${archiveName(entry)}`],
  foldersOf: entry => [publishedFolder(entry)],
  unpackedKeys: () => [],
}

/** The md5 that the config claims for an archive; empty when it claims none. */
export function claimedDigest({ tag }: CatalogueEntry, form: ArchiveForm): string {
  return form === 'legacy' && tag.legacyArchiveDigest !== ''
    ? tag.legacyArchiveDigest
    : tag.archiveDigest
}

/** File name of an archive, the name clients expect in `Content-Disposition`. */
export function archiveName({ asset, tag }: CatalogueEntry): string {
  return `${asset.name}__${tag.name}.tgz`
}

/** File name of a side file. */
export function sideFileName({ asset, tag }: CatalogueEntry, file: SideFile): string {
  const name = `${asset.name}__${tag.name}`
  if (file === 'log') return `build_log_${name}.md`
  return file === 'recipe' ? `build_recipe_${name}.json` : `asset_dir_contents_${name}.json`
}

/** Keys that the unpacked copy of a tag may have. */
export function unpackedKeys(entry: CatalogueEntry): readonly string[] {
  return archiveKeys(entry, 'stored').map(key => key.slice(0, -'.tgz'.length))
}
