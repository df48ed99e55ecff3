/** What download tools need to fetch an archive in parts and to check each of them: a list of the parts, and a metalink. */
import { archiveName } from '../archive/archive-places.ts'
import { type CatalogueEntry, registryPathOf } from '../domain/catalogue.ts'
import { isMd5 } from '../domain/digest.ts'
import { NotInCatalogue } from '../domain/errors.ts'
import { METALINK_TYPE, type MetalinkFile, metalinkOf } from '../domain/metalink.ts'
import { type Blob, memoryBlob } from '../storage/blob.ts'
import type { VisibleGeneration } from './access/visible-generation.ts'
import { json } from './answers.ts'
import { assetPath } from './pages/links.ts'

/** The JSON of an archive's parts. */
export interface PartList {
  readonly md5: string
  readonly sha256: string
  /** Bytes. */
  readonly size: number
  /** Bytes of each part but the last. */
  readonly part_size: number
  readonly parts: readonly {
    /** From 1. */
    readonly number: number
    readonly offset: number
    readonly size: number
    readonly sha256: string
  }[]
}

/**
 * The parts of an archive as JSON; kept, since that of an archive of 500 GB has 16 MB.
 *
 * @throws NotInCatalogue for an archive without index; ArchiveMissing, ArchiveDamaged
 */
export async function partsAnswer(
  { folder, answers }: VisibleGeneration,
  entry: CatalogueEntry,
): Promise<Blob> {
  const known = await folder.parts(entry)
  if (known !== undefined) return answers.of(entry.tag, 'parts', () => json(partList(known)))
  const path = registryPathOf(entry)
  const message = `the archive of ${path} has no member index, so its parts have no digests; the operator can repack it with \`refdepot archive import\``
  throw new NotInCatalogue('unknown-parts', path, message)
}

type Known = NonNullable<Awaited<ReturnType<VisibleGeneration['folder']['parts']>>>

function partList({ md5, sha256, size, chunk_size: partSize, chunks }: Known): PartList {
  return {
    md5,
    sha256,
    size,
    part_size: partSize,
    parts: chunks.map((hash, i) => ({
      number: i + 1,
      offset: i * partSize,
      size: Math.min(partSize, size - i * partSize),
      sha256: hash,
    })),
  }
}

/**
 * The metalink of an archive: with hashes of its pieces where it has an index, else with the digests that are known.
 *
 * @throws ArchiveMissing, ArchiveDamaged
 */
export async function metalinkAnswer(
  { folder, namedAnswers }: VisibleGeneration,
  entry: CatalogueEntry,
  absolute: (path: string) => string,
): Promise<Blob> {
  const known = await folder.parts(entry)
  const { archiveDigest } = entry.tag
  const urls = [
    absolute(isMd5(archiveDigest) ? `/archives/${archiveDigest}` : assetPath(entry, '/archive')),
  ]
  const make = (file: Pick<MetalinkFile, 'size' | 'md5' | 'sha256' | 'pieces'>) => {
    const more = { name: archiveName(entry), identity: registryPathOf(entry), urls }
    return memoryBlob(metalinkOf([{ ...file, ...more }]), METALINK_TYPE)
  }
  if (known !== undefined) {
    const { size, md5, sha256, chunk_size: length, chunks } = known
    const pieces = { length, sha256: chunks }
    const named = `metalink ${absolute('')}`
    return namedAnswers.of(entry.tag, named, () => make({ size, md5, sha256, pieces }))
  }
  const archive = await folder.archive(entry, 'stored')
  await archive.close()
  const md5 = isMd5(archiveDigest) ? { md5: archiveDigest } : {}
  return make({ size: archive.size, ...md5, ...archive.digests })
}
