/** A published tag never changes: what is pushed under its name is compared with what is there. */
import type { RawConfig } from '../config/genome-config-schema.ts'
import { type CatalogueEntry, registryPathOf } from '../domain/catalogue.ts'
import { TagImmutable } from '../domain/publication-errors.ts'
import type { Store } from '../storage/store.ts'
import { archiveName, folderOfArchive } from './archive-places.ts'
import { INDEX_SUFFIX, type IndexEntry, type MemberIndex, parseIndex } from './member-index.ts'
import { contentOf } from './published.ts'
import { findTag } from './server-record.ts'

/** What publishing a tag comes to. */
export interface TagFate {
  /** True when the published archive stays: it is another one with the same files. */
  readonly keepsArchive: boolean
  /** True when the tag stays withdrawn. */
  readonly withdrawn: boolean
}

/** What the files of a tag that is published under the same name are compared with. */
export interface PublishedPlace {
  readonly store: Store
  /** The config that counts. */
  readonly config: RawConfig
}

/**
 * What publishing a tag comes to, by what is published now.
 *
 * @param indexOf - reads the index of the archive that is offered
 * @throws TagImmutable when other files are published under this name
 */
export async function fateOf(
  { store, config }: PublishedPlace,
  entry: CatalogueEntry,
  indexOf: () => Promise<MemberIndex | undefined>,
): Promise<TagFate> {
  const { genome, asset, tag } = entry
  const there = findTag(config, { genome: genome.digest, asset: asset.name, tag: tag.name })
  const withdrawn = there?.withdrawn != null
  const published = there?.archive_digest
  if (published === undefined || published === tag.archiveDigest) {
    return { keepsArchive: false, withdrawn }
  }
  const key = `${folderOfArchive(published)}/${archiveName(entry)}${INDEX_SUFFIX}`
  const known = parseIndex(String(await contentOf(store, key)))
  const offered = await indexOf()
  // What cannot be compared is not known to be the same.
  if (known === undefined || offered === undefined || !sameFiles(known, offered)) {
    throw new TagImmutable(registryPathOf(entry), published, tag.archiveDigest)
  }
  return { keepsArchive: true, withdrawn }
}

/** True when two archives hold the same: paths, contents, modes, links. How they were packed does not count. */
function sameFiles(a: MemberIndex, b: MemberIndex): boolean {
  if (a.entries.length !== b.entries.length) return false
  const said = new Set(a.entries.map(contentOfEntry))
  return b.entries.every(entry => said.has(contentOfEntry(entry)))
}

function contentOfEntry(entry: IndexEntry): string {
  if (entry.type === 'folder') return JSON.stringify([entry.type, entry.path])
  if (entry.type === 'link') return JSON.stringify([entry.type, entry.path, entry.target])
  return JSON.stringify([entry.type, entry.path, entry.sha256, entry.executable === true])
}
