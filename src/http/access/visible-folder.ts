/** The archive folder as routes have it: it remembers of every blob which tag it belongs to, so that delivery knows a controlled one. */
import {
  type ArchiveFacts,
  type ArchiveFolder,
  type ArchiveParts,
  hasParts,
  type ListedFile,
} from '../../archive/archive-folder.ts'
import type { SideFile } from '../../archive/archive-places.ts'
import type { TagAddress, ViewName } from '../../archive/content-index.ts'
import type { ArchiveDigests } from '../../archive/digest-ledger.ts'
import { parseIndex } from '../../archive/member-index.ts'
import type { AccessTable } from '../../domain/access.ts'
import {
  type ArchiveForm,
  type ArchiveMatch,
  type CatalogueEntry,
  registryPathOf,
} from '../../domain/catalogue.ts'
import { NotInCatalogue } from '../../domain/errors.ts'
import { nameOf } from '../../domain/genome.ts'
import type { VisibleCatalogue } from '../../domain/visible-catalogue.ts'
import type { WithdrawnEntry } from '../../domain/withdrawal.ts'
import type { Blob } from '../../storage/blob.ts'

/** What a blob is a part of. */
export interface BlobSubject {
  /** Registry path, with the path of the file where it is one: what the audit says. */
  readonly name: string
  readonly controlled: boolean
  /** md5 of the archive of the tag, as catalogued: what downloads are counted by. */
  readonly archive: string
  /** Which form of the archive it is; undefined for a part or a file of it. */
  readonly view?: string
  /** True for an archive whose parts have digests. */
  readonly parts?: boolean
}

const STORED = 'stored'

const subjects = new WeakMap<Blob, BlobSubject>()

/** What a blob of an archive folder is a part of; undefined for everything else. */
export function subjectOf(blob: Blob): BlobSubject | undefined {
  return subjects.get(blob)
}

/** Says of a blob that it is a part of another one. */
export function partOf(whole: Blob, made: Blob): Blob {
  const subject = subjects.get(whole)
  if (subject !== undefined) {
    const { view: _view, parts: _parts, ...rest } = subject
    subjects.set(made, rest)
  }
  return made
}

/** What a visible folder is made of. */
export interface VisibleParts {
  readonly folder: ArchiveFolder
  readonly access: AccessTable
  readonly catalogue: VisibleCatalogue
}

/**
 * An archive folder whose blobs are known; see the head of this file, and `ArchiveFolder` for what the methods do. It takes entries of the
 * caller's catalogue only, and what it finds by digest is in that catalogue.
 */
export class VisibleFolder {
  readonly #folder: ArchiveFolder
  readonly #access: AccessTable
  readonly #catalogue: VisibleCatalogue

  constructor({ folder, access, catalogue }: VisibleParts) {
    this.#folder = folder
    this.#access = access
    this.#catalogue = catalogue
  }

  /** False while the folder is still being looked through: what is not known by digest may turn up. */
  get isComplete(): boolean {
    return this.#folder.contents.complete
  }

  /** Archives that are known to have this md5 or sha256. */
  *archivesWith(digest: string): Generator<{ entry: CatalogueEntry; view: ViewName }> {
    for (const view of this.#folder.contents.archives(digest)) {
      for (const entry of this.#entryAt(view)) yield { entry, view }
    }
  }

  /** Files that are known to have this sha256, plain or as `.gz`. */
  *filesWith(sha256: string): Generator<{ entry: CatalogueEntry; path: string }> {
    for (const found of this.#folder.contents.files(sha256)) {
      for (const entry of this.#entryAt(found)) yield { entry, path: found.path }
    }
  }

  /** md5 of the archive that took the place of the one with this digest. */
  replacementOf(digest: string): string | undefined {
    return this.#folder.contents
      .replaced(digest)
      .find(replaced => this.#entryAt(replaced).length > 0)?.by
  }

  /** The withdrawn tag that an archive or file with this digest belongs to. */
  withdrawnWith(digest: string): WithdrawnEntry | undefined {
    const { withdrawn } = this.#catalogue
    const { contents } = this.#folder
    const md5 = this.#folder.md5OfSha256(digest) ?? digest
    const places: TagAddress[] = [
      ...contents.archives(digest),
      ...contents.files(digest),
      ...contents.replaced(digest),
    ]
    const known = withdrawn.archive(md5)
    if (known !== undefined) return known
    for (const { genome, asset, tag } of places) {
      const found = withdrawn.tag(genome, asset, tag)
      if (found !== undefined) return found
    }
    return undefined
  }

  /** The archive whose computed sha256 this is, by its md5. */
  archiveBySha256(sha256: string): ArchiveMatch | undefined {
    const md5 = this.#folder.md5OfSha256(sha256)
    return md5 === undefined ? undefined : this.#catalogue.archive(md5)
  }

  async archive(entry: CatalogueEntry, form: ArchiveForm, alias?: string): Promise<Blob> {
    this.#demandOwn(entry)
    const { legacyArchiveDigest } = entry.tag
    const stored = form === 'stored' || legacyArchiveDigest === ''
    const view = stored ? STORED : `legacy ${alias ?? nameOf(entry.genome)}`
    const blob = await this.#folder.archive(entry, form, alias)
    return this.#note(entry, blob, { view, parts: hasParts(blob) })
  }

  async view(entry: CatalogueEntry, view: ViewName): Promise<Blob> {
    this.#demandOwn(entry)
    const name = view.form === 'legacy' ? `legacy ${view.alias}` : view.form
    const blob = await this.#folder.view(entry, view)
    return this.#note(entry, blob, { view: name, parts: hasParts(blob) })
  }

  async tar(entry: CatalogueEntry): Promise<Blob> {
    this.#demandOwn(entry)
    return this.#note(entry, await this.#folder.tar(entry), { view: 'tar' })
  }

  /** Digests of an archive and of its parts; undefined where it has no member index. */
  async parts(entry: CatalogueEntry): Promise<ArchiveParts | undefined> {
    this.#demandOwn(entry)
    return this.#folder.parts(entry)
  }

  /**
   * The member index of an archive. It names the assets whose files are packed in it: one that names what the caller does not see is not
   * there for them.
   */
  async index(entry: CatalogueEntry): Promise<Blob> {
    this.#demandOwn(entry)
    const blob = await this.#folder.index(entry)
    const text = await blob.bytes({ start: 0, end: blob.size })
    const linked = (parseIndex(text.toString('utf8'))?.entries ?? []).flatMap(member =>
      member.type === 'file' && member.linked !== undefined ? [member.linked] : [],
    )
    if (linked.every(path => this.#catalogue.resolve(path) !== undefined)) {
      return this.#note(entry, blob, { path: 'index' })
    }
    await blob.close()
    const path = registryPathOf(entry)
    throw new NotInCatalogue('unknown-file', path, `the archive of ${path} has no member index`)
  }

  async file(entry: CatalogueEntry, path: string): Promise<Blob> {
    this.#demandOwn(entry)
    return this.#note(entry, await this.#folder.file(entry, path), { path })
  }

  async sideFile(
    entry: CatalogueEntry,
    file: SideFile,
    form: ArchiveForm,
  ): Promise<Blob | undefined> {
    this.#demandOwn(entry)
    const blob = await this.#folder.sideFile(entry, file, form)
    return blob && this.#note(entry, blob, { path: file })
  }

  async files(entry: CatalogueEntry): Promise<ListedFile[]> {
    this.#demandOwn(entry)
    return this.#folder.files(entry)
  }

  async facts(entry: CatalogueEntry): Promise<ArchiveFacts> {
    this.#demandOwn(entry)
    return this.#folder.facts(entry)
  }

  async digests(entry: CatalogueEntry, form: ArchiveForm, alias?: string): Promise<ArchiveDigests> {
    this.#demandOwn(entry)
    return this.#folder.digests(entry, form, alias)
  }

  async legacyDigest(entry: CatalogueEntry, alias: string): Promise<string> {
    this.#demandOwn(entry)
    return this.#folder.legacyDigest(entry, alias)
  }

  /** True when not everybody may see a tag. */
  isControlled(entry: CatalogueEntry): boolean {
    return this.#access.isControlled(entry)
  }

  #entryAt({ genome, asset, tag }: TagAddress): CatalogueEntry[] {
    return [this.#catalogue.entry(genome, asset, tag) ?? []].flat()
  }

  /** A mistake of a route must not become a leak. */
  #demandOwn({ genome, asset, tag }: CatalogueEntry): void {
    const own = this.#catalogue.entry(genome.digest, asset.name, tag.name)
    if (own?.tag !== tag) throw new Error('an entry of another catalogue was asked for')
  }

  #note(
    entry: CatalogueEntry,
    blob: Blob,
    part: { readonly path: string } | { readonly view: string; readonly parts?: boolean },
  ): Blob {
    const path = registryPathOf(entry)
    const controlled = this.isControlled(entry)
    const archive = entry.tag.archiveDigest
    const subject =
      'view' in part
        ? { name: path, controlled, archive, ...part }
        : { name: `${path} ${part.path}`, controlled, archive }
    subjects.set(blob, subject)
    return blob
  }
}
