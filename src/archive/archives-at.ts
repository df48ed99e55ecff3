/** Archives where they lie: in an archive folder, or in a published store. */
import { join } from 'node:path'
import type { CatalogueEntry } from '../domain/catalogue.ts'
import { FileStore } from '../storage/file-store.ts'
import type { Identity, Store } from '../storage/store.ts'
import { type ArchivePlaces, FOLDER_PLACES, PUBLISHED_PLACES } from './archive-places.ts'
import { INDEX_SUFFIX, type MemberIndex, parseIndex } from './member-index.ts'
import { contentOf } from './published.ts'

/** A place with archives. */
export interface ArchivesAt {
  readonly store: Pick<Store, 'open' | 'identify'>
  readonly places: ArchivePlaces
  /** What people call the object of a key: its path, or its address. */
  shownAs(key: string): string
}

/** An archive that was found. */
export interface FoundArchive {
  readonly key: string
  readonly identity: Identity
}

/** The archives of an archive folder. */
export function archivesInFolder(folder: string): ArchivesAt {
  const shownAs = (key: string) => join(folder, key)
  return { store: new FileStore(folder), places: FOLDER_PLACES, shownAs }
}

/** The archives of a published store. */
export function archivesInStore(store: Store, place: string): ArchivesAt {
  return { store, places: PUBLISHED_PLACES, shownAs: key => `${place.replace(/\/$/, '')}/${key}` }
}

/** The archive of a tag; undefined when there is none, or an empty one. Throws StorageFailed, OutsideRoot. */
export async function findArchive(
  { store, places }: ArchivesAt,
  entry: CatalogueEntry,
): Promise<FoundArchive | undefined> {
  for (const key of places.archiveKeys(entry, 'stored')) {
    const identity = await store.identify(key)
    if (identity !== undefined && identity.size > 0) return { key, identity }
  }
  return undefined
}

/** The index beside an archive, when it belongs to an archive of this length. */
export async function indexBeside(
  { store }: ArchivesAt,
  { key, identity }: FoundArchive,
): Promise<MemberIndex | undefined> {
  const text = await contentOf(store, key + INDEX_SUFFIX)
  const index = text && parseIndex(text.toString('utf8'))
  return index?.archive.size === identity.size ? index : undefined
}
