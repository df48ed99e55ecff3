/** `archive list`: what is archived, with what the files say. */
import { stat } from 'node:fs/promises'
import { type CatalogueEntry, registryPathOf } from '../domain/catalogue.ts'
import { archivePath } from './archive-plan.ts'

/** One archive of a list. */
export interface ListedArchive {
  /** md5 of the archive. */
  readonly digest: string
  /** `genome/asset:tag` with the first alias. */
  readonly asset: string
  /** The same with the digest of the genome. */
  readonly registryPath: string
  /** Absolute path; undefined when the file is missing. */
  readonly path?: string
  /** Bytes; undefined when the file is missing. */
  readonly size?: number
  /** When the file was made. */
  readonly created?: Date
}

/** The archives of the given tags. */
export async function listArchives(
  archiveFolder: string,
  entries: Iterable<CatalogueEntry>,
): Promise<ListedArchive[]> {
  const listed: ListedArchive[] = []
  for (const entry of entries) {
    const registryPath = registryPathOf(entry)
    const [alias = entry.genome.digest] = entry.genome.aliases
    const asset = registryPath.replace(entry.genome.digest, alias)
    const known = { digest: entry.tag.archiveDigest, asset, registryPath }
    const path = await archivePath({ archiveFolder }, entry)
    const stats = path === undefined ? undefined : await stat(path)
    listed.push(
      stats === undefined || path === undefined
        ? known
        : { ...known, path, size: stats.size, created: stats.mtime },
    )
  }
  return listed
}
