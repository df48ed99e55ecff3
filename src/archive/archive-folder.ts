/** An archive folder as blobs: archives in every form, the files in them, and the small files beside them. */
import type { ArchiveForm, CatalogueEntry } from '../domain/catalogue.ts'
import { registryPathOf } from '../domain/catalogue.ts'
import { isMd5 } from '../domain/digest.ts'
import { ArchiveDamaged, ArchiveMissing, DigestPending, NotInCatalogue } from '../domain/errors.ts'
import { nameOf } from '../domain/genome.ts'
import { type Blob, storedBlob } from '../storage/blob.ts'
import type { Identity, Store, StoredObject } from '../storage/store.ts'
import { legacyNaming, storedNaming, v4Naming } from './archive-layout.ts'
import { type ArchivePlaces, claimedDigest, type SideFile, sideFileName } from './archive-places.ts'
import { tarBlob, viewBlob } from './archive-view.ts'
import type { ContentIndex, ViewName } from './content-index.ts'
import type { ArchiveDigests, DigestLedger } from './digest-ledger.ts'
import type { ForeignFiles } from './foreign-files.ts'
import type { IndexShelf } from './index-shelf.ts'
import {
  faiBlob,
  gziBlob,
  gzipBlob,
  gzipLength,
  type IndexedArchive,
  memberBlob,
} from './member-blob.ts'
import { filesOf, INDEX_SUFFIX, type MemberIndex } from './member-index.ts'
import { findMember } from './member-path.ts'
import { SmallFiles } from './small-files.ts'

/** One file of an asset, as lists show it; digests are there when an index has them. */
export interface ListedFile {
  readonly path: string
  /** Bytes. */
  readonly size: number
  readonly sha256?: string
  readonly md5?: string
  /** The same file as `.gz`, ready in the archive. */
  readonly gz?: { readonly size: number; readonly sha256: string }
}

/** What is known of an archive without opening it. */
export interface ArchiveFacts {
  readonly file: Identity | undefined
  readonly known: ArchiveDigests | undefined
}

/** Digests of an archive and of its parts. */
export type ArchiveParts = MemberIndex['archive']

/** What a folder is made of. */
export interface FolderParts {
  readonly store: Store
  readonly places: ArchivePlaces
  readonly ledger: DigestLedger
  readonly shelf: IndexShelf
  readonly foreign: ForeignFiles
  /** May be exchanged by a newer one when a check has ended. */
  contents: ContentIndex
}

interface OpenedArchive {
  readonly object: StoredObject
  readonly key: string
  readonly index: MemberIndex | undefined
}

// Seconds a client should wait before it asks again for digests that are being computed.
const RETRY_AFTER = 10
const OCTETS = 'application/octet-stream'

const withParts = new WeakSet<Blob>()

/** True for an archive as it is stored whose parts have digests ({@link ArchiveFolder.parts}). */
export function hasParts(archive: Blob): boolean {
  return withParts.has(archive)
}

/** The archive folder of one catalogue. */
export class ArchiveFolder {
  readonly #parts: FolderParts
  readonly #archives = new SmallFiles<OpenedArchive>()
  readonly #sideFiles = new SmallFiles<{ readonly object: StoredObject } | undefined>()

  constructor(parts: FolderParts) {
    this.#parts = parts
  }

  /** Digests of what is in the folder, as far as it was checked. */
  get contents(): ContentIndex {
    return this.#parts.contents
  }

  set contents(contents: ContentIndex) {
    this.#parts.contents = contents
  }

  /**
   * The archive of a tag. Its ETag is its md5; digests are there once they were computed.
   *
   * @param alias - for the legacy form: the name that is put for the genome's digest; without it the first one
   * @throws ArchiveMissing when the file is not there, ArchiveDamaged when it is known not to match its digest
   */
  async archive(entry: CatalogueEntry, form: ArchiveForm, alias?: string): Promise<Blob> {
    // Without a digest of its own there is no alias-named archive: v1 and v2 then serve the stored one, as the peer does.
    return form === 'stored' || entry.tag.legacyArchiveDigest === ''
      ? this.view(entry, { form: 'stored' })
      : this.view(entry, { form, alias: alias ?? nameOf(entry.genome) })
  }

  /**
   * An archive under the names of a view.
   *
   * @throws ArchiveMissing, ArchiveDamaged; NotInCatalogue for a v4 view that the index does not have
   */
  async view(entry: CatalogueEntry, view: ViewName): Promise<Blob> {
    const opened = await this.#open(entry)
    const { object, index } = opened
    if (view.form === 'stored') return this.#stored(entry, 'stored', opened)
    if (view.form === 'legacy' && index !== undefined) {
      const naming = legacyNaming(index.asset, view.alias)
      return viewBlob({ object, index }, naming, this.#legacyDigests(index, view.alias))
    }
    if (view.form === 'legacy') {
      await object.close()
      return this.#legacyFile(entry)
    }
    const v4 = index?.views.v4
    if (index !== undefined && v4 !== undefined) {
      return viewBlob({ object, index }, v4Naming(v4.asset_digest, v4.sequence_collection), v4)
    }
    await object.close()
    const path = registryPathOf(entry)
    throw new NotInCatalogue(
      'unknown-archive',
      path,
      `${path} has no archive of refgenie 1.x: it has no member index, or the sequences of its genome are not known`,
    )
  }

  /**
   * The archive as a tar without compression; inflated on the way.
   *
   * @throws ArchiveMissing, ArchiveDamaged; NotInCatalogue for an archive without index
   */
  async tar(entry: CatalogueEntry): Promise<Blob> {
    const { object, index } = await this.#open(entry)
    if (index !== undefined) return tarBlob({ object, index }, storedNaming(index.tag))
    await object.close()
    const path = registryPathOf(entry)
    const message = `the archive of ${path} has no member index, so there is no tar of it; the operator can repack it with \`refdepot archive import\``
    throw new NotInCatalogue('unknown-archive', path, message)
  }

  /**
   * The computed digests of an archive.
   *
   * @throws DigestPending while they are being computed; ArchiveMissing and ArchiveDamaged as `archive`
   */
  async digests(entry: CatalogueEntry, form: ArchiveForm, alias?: string): Promise<ArchiveDigests> {
    const blob = await this.archive(entry, form, alias)
    await blob.close()
    const { sha256, md5 } = blob.digests
    if (sha256 === undefined || md5 === undefined) {
      throw new DigestPending(registryPathOf(entry), RETRY_AFTER)
    }
    return { sha256, md5, size: blob.size }
  }

  /**
   * The md5 of the alias-named archive that v1 and v2 serve under an alias; the config's own claim where there is no index.
   *
   * @throws DigestPending while it is being computed
   */
  async legacyDigest(entry: CatalogueEntry, alias: string): Promise<string> {
    const opened = await this.#open(entry).catch(error => {
      if (error instanceof ArchiveMissing || error instanceof ArchiveDamaged) return undefined
      throw error
    })
    await opened?.object.close()
    if (opened?.index === undefined || entry.tag.legacyArchiveDigest === '') {
      return claimedDigest(entry, 'legacy')
    }
    const known = this.#legacyDigests(opened.index, alias)
    if (known === undefined) throw new DigestPending(registryPathOf(entry), RETRY_AFTER)
    return known.md5
  }

  /** Log, recipe or list of contents of a tag; undefined when the archive folder has none. */
  async sideFile(
    entry: CatalogueEntry,
    file: SideFile,
    form: ArchiveForm,
  ): Promise<Blob | undefined> {
    for (const folder of this.#parts.places.foldersOf(entry, form)) {
      const key = `${folder}/${sideFileName(entry, file)}`
      const opened = await this.#sideFiles.open(key, async () => {
        const object = await this.#parts.store.open(key)
        return object && { object }
      })
      if (opened !== undefined) {
        const mediaType = file === 'log' ? OCTETS : 'application/json'
        return storedBlob(opened.object, { mediaType })
      }
    }
    return undefined
  }

  /**
   * The member index of an archive, as it lies beside it.
   *
   * @throws NotInCatalogue when it has none; ArchiveMissing, ArchiveDamaged
   */
  async index(entry: CatalogueEntry): Promise<Blob> {
    const { object, key, index } = await this.#open(entry)
    await object.close()
    const file = index && (await this.#parts.store.open(key + INDEX_SUFFIX))
    if (file !== undefined) return storedBlob(file, { mediaType: 'application/json' })
    const path = registryPathOf(entry)
    throw new NotInCatalogue('unknown-file', path, `the archive of ${path} has no member index`)
  }

  /**
   * Digests of an archive and of its parts, as its index has them; undefined for an archive without index.
   *
   * @throws ArchiveMissing, ArchiveDamaged
   */
  async parts(entry: CatalogueEntry): Promise<ArchiveParts | undefined> {
    const { object, index } = await this.#open(entry)
    await object.close()
    return index?.archive
  }

  /**
   * One file of an asset: from the archive by its index, else from the unpacked copy, else by unpacking up to it.
   *
   * @param path - relative to the asset's folder; it may come from a request
   * @throws NotInCatalogue when there is no such file, OutsideRoot when the path leads out of the store
   */
  async file(entry: CatalogueEntry, path: string): Promise<Blob> {
    const indexed = await this.#indexed(entry)
    const blob =
      indexed === undefined
        ? await this.#parts.foreign.file(entry, path)
        : await indexedFile(indexed, path)
    if (blob !== undefined) return blob
    const message = `${registryPathOf(entry)} has no file '${path}'; see the list of its files`
    throw new NotInCatalogue('unknown-file', path, message)
  }

  /** The files of an asset, sorted by path. */
  async files(entry: CatalogueEntry): Promise<ListedFile[]> {
    const indexed = await this.#indexed(entry)
    if (indexed === undefined) return this.#parts.foreign.files(entry)
    await indexed.object.close()
    return filesOf(indexed.index).map(file => ({
      path: file.path,
      size: file.size,
      sha256: file.sha256,
      md5: file.md5,
      gz: { size: gzipLength(file), sha256: file.gz_sha256 },
    }))
  }

  /** The archive file with its computed digests, as far as they are there; a file that cannot be looked at is left out. */
  async facts(entry: CatalogueEntry): Promise<ArchiveFacts> {
    const { store, ledger, places } = this.#parts
    for (const key of places.archiveKeys(entry, 'stored')) {
      const file = await store.identify(key).catch(() => undefined)
      if (file !== undefined) return { file, known: ledger.known(key, file) }
    }
    return { file: undefined, known: undefined }
  }

  /** The md5 of an archive that was computed to have this sha256; undefined when there is none (yet). */
  md5OfSha256(sha256: string): string | undefined {
    return this.#parts.ledger.md5OfSha256(sha256)
  }

  /** Opens an archive with its index; one that is not the archive of the config is not sent. */
  #open(entry: CatalogueEntry): Promise<OpenedArchive> {
    const { genome, asset, tag } = entry
    // One catalogue: names are enough to tell tags apart.
    const name = `${genome.folder}/${genome.digest}/${asset.name}:${tag.name}`
    return this.#archives.open(name, () => this.#openFile(entry))
  }

  async #openFile(entry: CatalogueEntry): Promise<OpenedArchive> {
    for (const key of this.#parts.places.archiveKeys(entry, 'stored')) {
      const object = await this.#parts.store.open(key)
      if (object === undefined) continue
      const index = await this.#parts.shelf.indexOf(key, object).catch(async error => {
        await object.close()
        throw error
      })
      const claimed = claimedDigest(entry, 'stored')
      if (index === undefined || claimed === '' || index.archive.md5 === claimed)
        return { object, key, index }
      // Replaced under a running server: the new config has not been read yet.
      await object.close()
      throw new ArchiveDamaged(registryPathOf(entry))
    }
    throw new ArchiveMissing(registryPathOf(entry))
  }

  async #legacyFile(entry: CatalogueEntry): Promise<Blob> {
    for (const key of this.#parts.places.archiveKeys(entry, 'legacy')) {
      const object = await this.#parts.store.open(key)
      if (object !== undefined) return this.#stored(entry, 'legacy', { key, object })
    }
    throw new ArchiveMissing(registryPathOf(entry))
  }

  async #stored(
    entry: CatalogueEntry,
    form: ArchiveForm,
    { key, object, index }: Omit<OpenedArchive, 'index'> & Partial<OpenedArchive>,
  ): Promise<Blob> {
    const known = this.#parts.ledger.known(key, object)
    const claimed = claimedDigest(entry, form)
    if (known !== undefined && claimed !== '' && known.md5 !== claimed) {
      await object.close()
      throw new ArchiveDamaged(registryPathOf(entry))
    }
    // What is no md5 (an empty or broken value) is no tag; it is reported once the bytes were read.
    const isBelieved = isMd5(claimed) && !this.#parts.ledger.hasChanged(key, object)
    const etag = isBelieved ? claimed : known?.md5
    const blob = storedBlob(object, {
      mediaType: OCTETS,
      ...(etag !== undefined && { etag }),
      ...(known && { digests: { sha256: known.sha256, md5: known.md5 } }),
      // A cache may have it whole, but the store behind it has nothing of that name.
      ...(index?.loose !== undefined && { isMade: true }),
    })
    if (index !== undefined) withParts.add(blob)
    return blob
  }

  #legacyDigests(index: MemberIndex, alias: string): ArchiveDigests | undefined {
    return index.views.legacy[alias] ?? this.#parts.contents.view(index.archive.md5, alias)
  }

  async #indexed(entry: CatalogueEntry): Promise<IndexedArchive | undefined> {
    const opened = await this.#open(entry).catch(error => {
      // Without its archive an asset may still have an unpacked copy.
      if (error instanceof ArchiveMissing) return undefined
      throw error
    })
    if (opened?.index !== undefined) return { object: opened.object, index: opened.index }
    await opened?.object.close()
    return undefined
  }
}

async function indexedFile(archive: IndexedArchive, path: string): Promise<Blob | undefined> {
  const found = findMember(archive.index, path)
  if (found?.form === 'plain') return memberBlob(archive, found.file)
  if (found?.form === 'gz') return gzipBlob(archive, found.file)
  await archive.object.close()
  if (found === undefined) return undefined
  return found.form === 'gzi' ? gziBlob(found.file) : faiBlob(found.file)
}
