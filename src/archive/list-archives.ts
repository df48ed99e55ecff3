/** `archive list`: what is archived, with what the files say. */
import { type CatalogueEntry, registryPathOf } from '../domain/catalogue.ts'
import { type ArchivesAt, findArchive } from './archives-at.ts'

/** One archive of a list. */
export interface ListedArchive {
  /** md5 of the archive. */
  readonly digest: string
  /** `genome/asset:tag` with the first alias. */
  readonly asset: string
  /** The same with the digest of the genome. */
  readonly registryPath: string
  /** Absolute path, or address in a store; undefined when the file is missing. */
  readonly path?: string
  /** Bytes; undefined when the file is missing. */
  readonly size?: number
  /** When the file was made. */
  readonly created?: Date
}

/** The archives of the given tags. */
export async function listArchives(
  at: ArchivesAt,
  entries: Iterable<CatalogueEntry>,
): Promise<ListedArchive[]> {
  const listed: ListedArchive[] = []
  for (const entry of entries) {
    const registryPath = registryPathOf(entry)
    const [alias = entry.genome.digest] = entry.genome.aliases
    const asset = registryPath.replace(entry.genome.digest, alias)
    const known = { digest: entry.tag.archiveDigest, asset, registryPath }
    const found = await findArchive(at, entry)
    if (found === undefined) listed.push(known)
    else {
      const { size, modifiedMs } = found.identity
      listed.push({ ...known, path: at.shownAs(found.key), size, created: new Date(modifiedMs) })
    }
  }
  return listed
}
