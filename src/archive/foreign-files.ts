/** Files of assets whose archive has no member index: from the unpacked copy, else from the archive. */
import type { CatalogueEntry } from '../domain/catalogue.ts'
import { type Blob, storedBlob } from '../storage/blob.ts'
import type { Identity, Listed, Store } from '../storage/store.ts'
import type { ArchivePlaces } from './archive-places.ts'
import { ForeignArchives } from './foreign-archive.ts'

/** Files of assets that other tools have archived. */
export class ForeignFiles {
  readonly #store: Store
  readonly #places: ArchivePlaces
  readonly #archives: ForeignArchives

  constructor(store: Store, places: ArchivePlaces) {
    this.#store = store
    this.#places = places
    this.#archives = new ForeignArchives(store)
  }

  /** A file of an asset; undefined when there is none of that path, which may come from a request. Throws as the store. */
  async file(entry: CatalogueEntry, path: string): Promise<Blob | undefined> {
    const parts = path.split('/')
    // The store keeps the path below its root; this keeps it below the asset.
    if (parts.some(part => part === '' || part === '.' || part === '..')) return undefined
    for (const folder of this.#places.unpackedKeys(entry)) {
      const object = await this.#store.open(`${folder}/${path}`)
      if (object !== undefined) return storedBlob(object, { mediaType: 'application/octet-stream' })
    }
    const archive = await this.#archiveOf(entry)
    return archive && this.#archives.file(archive.key, archive.identity, path)
  }

  /** The files of an asset, sorted by path. */
  async files(entry: CatalogueEntry): Promise<Listed[]> {
    for (const folder of this.#places.unpackedKeys(entry)) {
      const listed = await this.#store.list(folder)
      if (listed.length > 0) return listed
    }
    const archive = await this.#archiveOf(entry)
    return archive === undefined ? [] : this.#archives.files(archive.key, archive.identity)
  }

  /** An archive of another tool, unless the asset has an unpacked copy. */
  async #archiveOf(
    entry: CatalogueEntry,
  ): Promise<{ key: string; identity: Identity } | undefined> {
    for (const folder of this.#places.unpackedKeys(entry)) {
      if ((await this.#store.list(folder)).length > 0) return undefined
    }
    for (const key of this.#places.archiveKeys(entry, 'stored')) {
      const identity = await this.#store.identify(key)
      if (identity !== undefined) return { key, identity }
    }
    return undefined
  }
}
