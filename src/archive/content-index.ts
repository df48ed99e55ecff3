/**
 * Which archive or file has a digest: filled by the background check, which reads every member index anyway.
 *
 * What is found is a hint: whoever asks looks the tag up in its own catalogue, and compares the digest with the index again.
 */
import type { CatalogueEntry } from '../domain/catalogue.ts'
import { filesOf, type MemberIndex, type ViewDigests } from './member-index.ts'

/** Names a tag, independent of any catalogue. */
export interface TagAddress {
  readonly genome: string
  readonly asset: string
  readonly tag: string
}

/** A view of an archive: as stored, alias-named, or that of refgenie 1.x. */
export type ViewName =
  | { readonly form: 'stored' }
  | { readonly form: 'legacy'; readonly alias: string }
  | { readonly form: 'v4' }

/** A file in an archive, plain or as `.gz`. */
export interface FoundFile extends TagAddress {
  readonly path: string
}

/** An archive that was repacked: its bytes are gone. */
export interface Replaced extends TagAddress {
  /** md5 of the archive that took its place. */
  readonly by: string
}

/** Digests of everything in the indexed archives of a folder. */
export class ContentIndex {
  readonly #archives = new Map<string, OneOrMore<TagAddress & ViewName>>()
  readonly #files = new Map<string, OneOrMore<FoundFile>>()
  readonly #replaced = new Map<string, OneOrMore<Replaced>>()
  readonly #views: Map<string, ViewDigests>
  /** True once all archives were looked at. */
  complete = false

  /** @param previous - digests of views that were computed for it stay known: they belong to bytes, not to catalogues */
  constructor(previous?: ContentIndex) {
    this.#views = new Map(previous === undefined ? [] : previous.#views)
  }

  /** Takes in an archive with all its views and files. */
  add({ genome, asset, tag }: CatalogueEntry, index: MemberIndex): void {
    const address = { genome: genome.digest, asset: asset.name, tag: tag.name }
    this.#addArchive(address, index.archive, { form: 'stored' })
    for (const [alias, digests] of Object.entries(index.views.legacy)) {
      this.#addArchive(address, digests, { form: 'legacy', alias })
    }
    if (index.views.v4 !== undefined) this.#addArchive(address, index.views.v4, { form: 'v4' })
    for (const file of filesOf(index)) this.#addFile(address, file.sha256, file.path)
    for (const file of filesOf(index)) this.#addFile(address, file.gz_sha256, `${file.path}.gz`)
    for (const { md5, sha256 } of index.replaces) {
      for (const digest of [md5, sha256]) {
        addTo(this.#replaced, digest, { ...address, by: index.archive.md5 })
      }
    }
  }

  /** Keeps the digests of a view that the index of an archive does not have. */
  addView(
    { genome, asset, tag }: CatalogueEntry,
    index: MemberIndex,
    alias: string,
    digests: ViewDigests,
  ): void {
    this.#views.set(`${index.archive.md5}/${alias}`, digests)
    const address = { genome: genome.digest, asset: asset.name, tag: tag.name }
    this.#addArchive(address, digests, { form: 'legacy', alias })
  }

  /** Digests of a view that were computed by this process; `archive` is the md5 of the stored archive. */
  view(archive: string, alias: string): ViewDigests | undefined {
    return this.#views.get(`${archive}/${alias}`)
  }

  /** The archives with this md5 or sha256: equal bytes can belong to several tags, and not everybody may see all of them. */
  archives(digest: string): readonly (TagAddress & ViewName)[] {
    return [this.#archives.get(digest) ?? []].flat()
  }

  /** The files with this sha256; a path ends in `.gz` when that form was meant. */
  files(sha256: string): readonly FoundFile[] {
    return [this.#files.get(sha256) ?? []].flat()
  }

  /** The archives that took the place of the one with this digest. */
  replaced(digest: string): readonly Replaced[] {
    return [this.#replaced.get(digest) ?? []].flat()
  }

  #addArchive(address: TagAddress, digests: ViewDigests, view: ViewName): void {
    for (const digest of [digests.md5, digests.sha256]) {
      addTo(this.#archives, digest, { ...address, ...view })
    }
  }

  #addFile(address: TagAddress, sha256: string, path: string): void {
    addTo(this.#files, sha256, { ...address, path })
  }
}

/** Most digests have one place: a list for each of them would cost memory. */
type OneOrMore<T> = T | T[]

function addTo<T extends TagAddress>(
  map: Map<string, OneOrMore<T>>,
  digest: string,
  place: T,
): void {
  const known = map.get(digest)
  if (known === undefined) map.set(digest, place)
  else if (!Array.isArray(known)) {
    if (!isSame(known, place)) map.set(digest, [known, place])
  } else if (!isSame(known.at(-1) as T, place)) known.push(place)
}

/** One place in a tag is enough: whoever may see the tag may see all of it. Places of one tag are added in a row. */
function isSame(a: TagAddress, b: TagAddress): boolean {
  return a.genome === b.genome && a.asset === b.asset && a.tag === b.tag
}
