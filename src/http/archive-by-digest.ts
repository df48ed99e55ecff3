/** Archives by the digest of their bytes: which tag has one, and what is said of digests that none has. */
import type { CatalogueEntry } from '../domain/catalogue.ts'
import { isMd5, isSha256 } from '../domain/digest.ts'
import { ArchiveReplaced, DigestPending, NotInCatalogue } from '../domain/errors.ts'
import type { VisibleGeneration } from './access/visible-generation.ts'
import { withdrawnError } from './withdrawn.ts'

// Seconds after which the background check may have found what is not known yet.
const RETRY_AFTER = 10

/**
 * The tag whose archive, as it is stored, has this md5 or sha256.
 *
 * @throws NotInCatalogue, also for the digest of another form of an archive; ArchiveReplaced, TagWithdrawn, DigestPending
 */
export function storedWith(generation: VisibleGeneration, digest: string): CatalogueEntry {
  const { catalogue, folder } = generation
  const md5 = isMd5(digest) ? digest : ''
  const match = isSha256(digest) ? folder.archiveBySha256(digest) : catalogue.archive(md5)
  if (match?.form === 'stored') return match
  let isView = match !== undefined
  for (const { entry, view } of folder.archivesWith(digest)) {
    if (view.form === 'stored') return entry
    isView = true
  }
  if (!isView) throw unknownArchive(generation, digest)
  const message = `${digest} is an archive that is made while it is sent: its parts have no digests; those of the archive as it is stored have`
  throw new NotInCatalogue('unknown-parts', digest, message)
}

/** What is said of a digest that no archive here has (any more). */
export function unknownArchive(generation: VisibleGeneration, digest: string): Error {
  const { folder } = generation
  const replacement = folder.replacementOf(digest)
  if (replacement !== undefined) return new ArchiveReplaced(digest, replacement)
  const withdrawn = folder.withdrawnWith(digest)
  if (withdrawn !== undefined) return withdrawnError(generation, withdrawn)
  return unknownDigest(folder.isComplete, 'archive', digest, 'the md5 or sha256 of an archive')
}

/** What is not known while the folder is still being looked through may turn up. */
export function unknownDigest(
  complete: boolean,
  kind: 'archive' | 'file',
  digest: string,
  wanted: string,
): Error {
  if (!complete && (isSha256(digest) || isMd5(digest))) {
    return new DigestPending(`the archives of this server (looking for ${digest})`, RETRY_AFTER)
  }
  const message = `there is no ${kind} with the digest '${digest}' here; give ${wanted}`
  return new NotInCatalogue(`unknown-${kind}`, digest, message)
}
