/**
 * Where the files of an archive folder lie, and how they become blobs.
 *
 * Names are refgenieserver's (reference §2.1). Every name comes from the catalogue, never from a request.
 *
 *     <genome digest>/<asset>__<tag>.tgz                        the archive of API v3
 *     <genome digest>/<asset>__<tag>/                           unpacked copy
 *     <genome digest>/asset_dir_contents_<asset>__<tag>.json    list of the files
 *     <genome digest>/build_log_<asset>__<tag>.md, build_recipe_<asset>__<tag>.json
 *     <first alias>/<asset>__<tag>.tgz                          the archive of API v1 and v2; log and recipe again
 */
import type { ArchiveForm, CatalogueEntry } from '../domain/catalogue.ts'
import { registryPathOf } from '../domain/catalogue.ts'
import { isMd5 } from '../domain/digest.ts'
import { ArchiveDamaged, ArchiveMissing, DigestPending, NotInCatalogue } from '../domain/errors.ts'
import { nameOf } from '../domain/genome.ts'
import { type Blob, storedBlob } from '../storage/blob.ts'
import type { Listed, Store } from '../storage/store.ts'
import type { ArchiveDigests, DigestLedger } from './digest-ledger.ts'

/** The small files beside an archive. */
export type SideFile = 'log' | 'recipe' | 'contents'

// Seconds a client should wait before it asks again for digests that are being computed.
const RETRY_AFTER = 10

/** The archive folder of one catalogue. */
export class ArchiveFolder {
  readonly #store: Store
  readonly #ledger: DigestLedger

  constructor(store: Store, ledger: DigestLedger) {
    this.#store = store
    this.#ledger = ledger
  }

  /**
   * The archive of a tag. Its ETag is the md5 of the config; digests are there once they were computed.
   *
   * @throws ArchiveMissing when the file is not there, ArchiveDamaged when it is known not to match its digest
   */
  async archive(entry: CatalogueEntry, form: ArchiveForm): Promise<Blob> {
    const key = archiveKey(entry, form)
    const object = await this.#store.open(key)
    if (object === undefined) throw new ArchiveMissing(registryPathOf(entry))
    const known = this.#ledger.known(key, object)
    const claimed = claimedDigest(entry, form)
    if (known !== undefined && claimed !== '' && known.md5 !== claimed) {
      await object.close()
      throw new ArchiveDamaged(registryPathOf(entry))
    }
    // What is no md5 (an empty or broken value) is no tag; it is reported once the bytes were read.
    const etag = isMd5(claimed) ? claimed : known?.md5
    return storedBlob(object, {
      mediaType: 'application/octet-stream',
      ...(etag !== undefined && { etag }),
      ...(known && { digests: { sha256: known.sha256, md5: known.md5 } }),
    })
  }

  /**
   * The computed digests of an archive.
   *
   * @throws DigestPending while they are being computed; ArchiveMissing and ArchiveDamaged as `archive`
   */
  async digests(entry: CatalogueEntry, form: ArchiveForm): Promise<ArchiveDigests> {
    const blob = await this.archive(entry, form)
    await blob.close()
    const { sha256, md5 } = blob.digests
    if (sha256 === undefined || md5 === undefined) {
      throw new DigestPending(registryPathOf(entry), RETRY_AFTER)
    }
    return { sha256, md5, size: blob.size }
  }

  /** Log, recipe or list of contents of a tag; undefined when the archive folder has none. */
  async sideFile(
    entry: CatalogueEntry,
    file: SideFile,
    form: ArchiveForm,
  ): Promise<Blob | undefined> {
    for (const folder of foldersOf(entry, form)) {
      const object = await this.#store.open(`${folder}/${sideFileName(entry, file)}`)
      if (object !== undefined) {
        const mediaType = file === 'log' ? 'application/octet-stream' : 'application/json'
        return storedBlob(object, { mediaType })
      }
    }
    return undefined
  }

  /**
   * One file of the unpacked copy.
   *
   * @param path - relative to the asset's folder; it may come from a request
   * @throws NotInCatalogue when there is no such file, OutsideRoot when the path leads out of the store
   */
  async file(entry: CatalogueEntry, path: string): Promise<Blob> {
    const parts = path.split('/')
    // The store keeps the path below its root; this keeps it below the asset.
    const object = parts.some(part => part === '' || part === '.' || part === '..')
      ? undefined
      : await this.#store.open(`${unpackedKey(entry)}/${path}`)
    if (object === undefined) {
      const name = registryPathOf(entry)
      throw new NotInCatalogue(
        'unknown-file',
        path,
        `${name} has no unpacked file '${path}' here; see the contents, or download the archive`,
      )
    }
    return storedBlob(object, { mediaType: 'application/octet-stream' })
  }

  /** The files of the unpacked copy, sorted by path; empty when there is no such copy. */
  files(entry: CatalogueEntry): Promise<Listed[]> {
    return this.#store.list(unpackedKey(entry))
  }

  /** The md5 of an archive that was computed to have this sha256; undefined when there is none (yet). */
  md5OfSha256(sha256: string): string | undefined {
    return this.#ledger.md5OfSha256(sha256)
  }
}

/** Folders that may hold a form of a genome's files, the first one that has the file counts. */
export function foldersOf({ genome }: CatalogueEntry, form: ArchiveForm): readonly string[] {
  return form === 'stored' ? [genome.folder] : [nameOf(genome), genome.folder]
}

/** Key of an archive in the store. */
export function archiveKey(entry: CatalogueEntry, form: ArchiveForm): string {
  // Without a digest of its own there is no alias-named archive: v1 and v2 then serve the stored one, as the peer does.
  const [folder] = foldersOf(entry, hasLegacy(entry) ? form : 'stored')
  return `${folder}/${archiveName(entry)}`
}

/** The md5 that the config claims for an archive; empty when it claims none. */
export function claimedDigest(entry: CatalogueEntry, form: ArchiveForm): string {
  return form === 'legacy' && hasLegacy(entry)
    ? entry.tag.legacyArchiveDigest
    : entry.tag.archiveDigest
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

function unpackedKey(entry: CatalogueEntry): string {
  return `${entry.genome.folder}/${entry.asset.name}__${entry.tag.name}`
}

function hasLegacy({ tag }: CatalogueEntry): boolean {
  return tag.legacyArchiveDigest !== ''
}
