/** `archive verify`: is every archive there, the one of the config, and (deep) whole down to the last byte. */
import { type CatalogueEntry, registryPathOf } from '../domain/catalogue.ts'
import { nameOf } from '../domain/genome.ts'
import type { Blob } from '../storage/blob.ts'
import type { StoredObject } from '../storage/store.ts'
import { ArchiveDigest, ChunkDigests, digestsOf } from './archive-digest.ts'
import { legacyNaming, storedNaming, v4Naming } from './archive-layout.ts'
import { claimedDigest } from './archive-places.ts'
import { viewBlob } from './archive-view.ts'
import { type ArchivesAt, type FoundArchive, findArchive, indexBeside } from './archives-at.ts'
import { gzipBlob, memberBlob } from './member-blob.ts'
import { filesOf, type MemberIndex, type ViewDigests } from './member-index.ts'

/** What a verification has found of one archive; no problem means it is sound. */
export interface Verified {
  readonly registryPath: string
  /** Absolute path, or address in a store; undefined when the archive is missing. */
  readonly path?: string
  /** Bytes that were read. */
  readonly bytes: number
  readonly problems: readonly Problem[]
}

/** Something wrong with an archive. */
interface Problem {
  readonly kind: 'missing' | 'damaged'
  readonly message: string
}

/**
 * Verifies the archive of a tag.
 *
 * @param deep - read it: its digests and chunks, each file and its `.gz`, and every view
 */
export async function verifyArchive(
  at: ArchivesAt,
  entry: CatalogueEntry,
  deep: boolean,
): Promise<Verified> {
  const registryPath = registryPathOf(entry)
  const found = await findArchive(at, entry)
  if (found === undefined) {
    const problems = [{ kind: 'missing', message: 'its archive is missing or empty' } as const]
    return { registryPath, bytes: 0, problems }
  }
  const verification = new Verification(at, entry, found)
  const problems = await verification.run(deep)
  return { registryPath, path: at.shownAs(found.key), bytes: verification.bytes, problems }
}

class Verification {
  readonly #at: ArchivesAt
  readonly #entry: CatalogueEntry
  readonly #found: FoundArchive
  readonly #problems: Problem[] = []
  bytes = 0

  constructor(at: ArchivesAt, entry: CatalogueEntry, found: FoundArchive) {
    this.#at = at
    this.#entry = entry
    this.#found = found
  }

  async run(deep: boolean): Promise<Problem[]> {
    const index = await indexBeside(this.#at, this.#found)
    const claimed = claimedDigest(this.#entry, 'stored')
    if (index !== undefined) this.#compareClaims(index, claimed)
    if (deep) await (index === undefined ? this.#readForeign(claimed) : this.#readAll(index))
    return this.#problems
  }

  #compareClaims(index: MemberIndex, claimed: string): void {
    this.#same('the md5 of the config', claimed, index.archive.md5)
    const legacy = index.views.legacy[nameOf(this.#entry.genome)]
    const wanted = this.#entry.tag.legacyArchiveDigest
    if (legacy !== undefined && wanted !== '') {
      this.#same('the legacy_archive_digest of the config', wanted, legacy.md5)
    }
  }

  /** An archive of another tool has one digest. */
  async #readForeign(claimed: string): Promise<void> {
    await this.#reading('the archive', async object => {
      const { md5 } = await this.#digests(object)
      this.#same('the md5 of the config', claimed, md5)
    })
  }

  async #readAll(index: MemberIndex): Promise<void> {
    await this.#readArchive(index)
    // Put together of what the index says, it must be the archive again: else the index leaves files out, or calls them by other names.
    await this.#readView(index, 'the archive itself', storedNaming(index.tag), index.archive)
    for (const file of filesOf(index)) {
      await this.#reading(`the file ${file.path}`, async object => {
        const { sha256, md5 } = await this.#digests(memberBlob({ object, index }, file))
        this.#same(`the sha256 of ${file.path}`, file.sha256, sha256)
        this.#same(`the md5 of ${file.path}`, file.md5, md5)
      })
      await this.#reading(`the file ${file.path}.gz`, async object => {
        const { sha256 } = await this.#digests(gzipBlob({ object, index }, file))
        this.#same(`the sha256 of ${file.path}.gz`, file.gz_sha256, sha256)
      })
    }
    const { legacy, v4 } = index.views
    for (const [alias, wanted] of Object.entries(legacy)) {
      await this.#readView(index, `alias ${alias}`, legacyNaming(index.asset, alias), wanted)
    }
    if (v4 !== undefined) {
      await this.#readView(
        index,
        'refgenie 1.x',
        v4Naming(v4.asset_digest, v4.sequence_collection),
        v4,
      )
    }
  }

  async #readArchive(index: MemberIndex): Promise<void> {
    const { size } = this.#found.identity
    this.#same('the size in bytes', index.archive.size, size)
    const chunks = new ChunkDigests()
    const hash = new ArchiveDigest()
    await this.#reading('the archive', async object => {
      for await (const chunk of object.stream({ start: 0, end: object.size })) {
        hash.update(chunk)
        chunks.update(chunk)
      }
    })
    const { md5, sha256 } = hash.end()
    this.bytes += size
    this.#same('the md5', index.archive.md5, md5)
    this.#same('the sha256', index.archive.sha256, sha256)
    const bad = chunks.end().flatMap((chunk, i) => (chunk === index.archive.chunks[i] ? [] : [i]))
    if (bad.length > 0) {
      const mb = index.archive.chunk_size / 1024 ** 2
      this.#report(`damaged in the ${mb} MiB chunks ${bad.join(', ')} (counted from 0)`)
    }
  }

  async #readView(
    index: MemberIndex,
    name: string,
    naming: Parameters<typeof viewBlob>[1],
    wanted: ViewDigests,
  ): Promise<void> {
    await this.#reading(`the view for ${name}`, async object => {
      const found = await this.#digests(viewBlob({ object, index }, naming))
      this.#same(`the size of the view for ${name}`, wanted.size, found.size)
      this.#same(`the md5 of the view for ${name}`, wanted.md5, found.md5)
      this.#same(`the sha256 of the view for ${name}`, wanted.sha256, found.sha256)
    })
  }

  /** Reads with the archive open; what cannot be read is a problem, not an end. */
  async #reading(what: string, read: (object: StoredObject) => Promise<void>): Promise<void> {
    try {
      const object = await this.#at.store.open(this.#found.key)
      if (object === undefined) throw new Error('it is gone')
      await read(object).finally(() => object.close())
    } catch (error) {
      this.#report(`${what} cannot be read: ${(error as Error).message}`)
    }
  }

  async #digests(blob: Pick<Blob, 'size' | 'stream'>): Promise<ViewDigests> {
    const digests = await digestsOf(blob)
    this.bytes += digests.size
    return digests
  }

  #same(what: string, wanted: string | number, found: string | number): void {
    if (wanted !== found) this.#report(`${what} should be ${wanted}, but is ${found}`)
  }

  #report(message: string): void {
    this.#problems.push({ kind: 'damaged', message })
  }
}
