/** The archive folder as routes have it: it remembers of every blob which tag it belongs to, so that delivery knows a controlled one. */
import type { ArchiveFolder, ListedFile } from '../../archive/archive-folder.ts'
import type { SideFile } from '../../archive/archive-places.ts'
import type { ContentIndex, ViewName } from '../../archive/content-index.ts'
import type { ArchiveDigests } from '../../archive/digest-ledger.ts'
import type { AccessTable } from '../../domain/access.ts'
import { type ArchiveForm, type CatalogueEntry, registryPathOf } from '../../domain/catalogue.ts'
import type { Blob } from '../../storage/blob.ts'

/** What a blob is a part of. */
export interface BlobSubject {
  /** Registry path, with the path of the file where it is one: what the audit says. */
  readonly name: string
  readonly controlled: boolean
}

const subjects = new WeakMap<Blob, BlobSubject>()

/** What a blob of an archive folder is a part of; undefined for everything else. */
export function subjectOf(blob: Blob): BlobSubject | undefined {
  return subjects.get(blob)
}

/** Says of a blob that was made of another one that it is a part of the same. */
export function sameSubject(made: Blob, of: Blob): Blob {
  const subject = subjects.get(of)
  if (subject !== undefined) subjects.set(made, subject)
  return made
}

/** An archive folder whose blobs are known; see the head of this file and `ArchiveFolder` for what the methods do. */
export class VisibleFolder {
  readonly #folder: ArchiveFolder
  readonly #access: AccessTable

  constructor(folder: ArchiveFolder, access: AccessTable) {
    this.#folder = folder
    this.#access = access
  }

  /** Hints from digests to tags; a tag that is found counts only when the caller's catalogue has it. */
  get contents(): ContentIndex {
    return this.#folder.contents
  }

  async archive(entry: CatalogueEntry, form: ArchiveForm, alias?: string): Promise<Blob> {
    return this.#note(entry, await this.#folder.archive(entry, form, alias))
  }

  async view(entry: CatalogueEntry, view: ViewName): Promise<Blob> {
    return this.#note(entry, await this.#folder.view(entry, view))
  }

  async tar(entry: CatalogueEntry): Promise<Blob> {
    return this.#note(entry, await this.#folder.tar(entry))
  }

  async file(entry: CatalogueEntry, path: string): Promise<Blob> {
    return this.#note(entry, await this.#folder.file(entry, path), path)
  }

  async sideFile(
    entry: CatalogueEntry,
    file: SideFile,
    form: ArchiveForm,
  ): Promise<Blob | undefined> {
    const blob = await this.#folder.sideFile(entry, file, form)
    return blob && this.#note(entry, blob, file)
  }

  files(entry: CatalogueEntry): Promise<ListedFile[]> {
    return this.#folder.files(entry)
  }

  facts(entry: CatalogueEntry): ReturnType<ArchiveFolder['facts']> {
    return this.#folder.facts(entry)
  }

  digests(entry: CatalogueEntry, form: ArchiveForm, alias?: string): Promise<ArchiveDigests> {
    return this.#folder.digests(entry, form, alias)
  }

  legacyDigest(entry: CatalogueEntry, alias: string): Promise<string> {
    return this.#folder.legacyDigest(entry, alias)
  }

  md5OfSha256(sha256: string): string | undefined {
    return this.#folder.md5OfSha256(sha256)
  }

  /** True when not everybody may see a tag. */
  isControlled(entry: CatalogueEntry): boolean {
    return this.#access.isControlled(entry)
  }

  #note(entry: CatalogueEntry, blob: Blob, part?: string): Blob {
    const path = registryPathOf(entry)
    const name = part === undefined ? path : `${path} ${part}`
    subjects.set(blob, { name, controlled: this.isControlled(entry) })
    return blob
  }
}
