/** The files of an archived tag: their keys in a published store, and in an archive folder. */
import { type CatalogueEntry, registryPathOf } from '../domain/catalogue.ts'
import { nameOf } from '../domain/genome.ts'
import { parseRegistryPath } from '../domain/registry-path.ts'
import { FOLDER_PLACES, PUBLISHED_PLACES, publishedFolder, sideFileName } from './archive-places.ts'
import { INDEX_SUFFIX } from './member-index.ts'
import { SIDE_FILES } from './side-files.ts'

/** What a file is: every archive has `archive`; the others may be missing. `legacy` is an archive of its own where there is no index to make it by. */
type TagFileKind = 'archive' | 'index' | 'side' | 'legacy'

/** One of the files. */
export interface TagFile {
  readonly kind: TagFileKind
  readonly published: string
  readonly inFolder: string
}

/** The files that a tag can have; the archive is the first one. */
export function filesOfTag(entry: CatalogueEntry): TagFile[] {
  const [published = ''] = PUBLISHED_PLACES.archiveKeys(entry, 'stored')
  const [inFolder = ''] = FOLDER_PLACES.archiveKeys(entry, 'stored')
  const files: TagFile[] = [
    { kind: 'archive', published, inFolder },
    { kind: 'index', published: published + INDEX_SUFFIX, inFolder: inFolder + INDEX_SUFFIX },
  ]
  for (const side of SIDE_FILES) {
    const name = sideFileName(entry, side)
    const folder = entry.genome.folder
    files.push({
      kind: 'side',
      published: `${publishedFolder(entry)}/${name}`,
      inFolder: `${folder}/${name}`,
    })
  }
  if (entry.tag.legacyArchiveDigest === '') return files
  const [legacy = ''] = PUBLISHED_PLACES.archiveKeys(entry, 'legacy')
  const [legacyInFolder = ''] = FOLDER_PLACES.archiveKeys(entry, 'legacy')
  return [...files, { kind: 'legacy', published: legacy, inFolder: legacyInFolder }]
}

/**
 * Why the names of a tag of another place cannot be names of files here; undefined when they can.
 *
 * @param digests - digests of all genomes: an alias that is the digest of another genome would lead into its folder
 */
export function whyUnsafe(entry: CatalogueEntry, digests: ReadonlySet<string>): string | undefined {
  const path = registryPathOf(entry)
  const parsed = parseRegistryPath(path)
  if (parsed?.genome !== entry.genome.digest || parsed.seekKey !== undefined) {
    return `${JSON.stringify(path.slice(0, 200))} is no registry path`
  }
  const alias = nameOf(entry.genome)
  if (!/^(?!\.)[^/\\\s\0]{1,200}$/.test(alias)) {
    return `its alias ${JSON.stringify(alias.slice(0, 200))} is no name`
  }
  if (alias !== entry.genome.digest && digests.has(alias)) {
    return `its alias ${alias} is the digest of another genome`
  }
  return undefined
}
