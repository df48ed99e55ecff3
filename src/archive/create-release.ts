/** `release create`: writes down which archives belong together, for ever. */
import type { AccessTable } from '../domain/access.ts'
import { type CatalogueEntry, registryPathOf } from '../domain/catalogue.ts'
import type { Genome } from '../domain/genome.ts'
import { ReleaseRefused } from '../domain/publication-errors.ts'
import {
  isSameRelease,
  RELEASE_NAME,
  type Release,
  type ReleaseEntry,
  releaseEntry,
} from '../domain/release.ts'
import { byCodePoint } from '../domain/text-order.ts'
import type { WritableStore } from '../storage/store-writer.ts'
import { digestsOf } from './archive-digest.ts'
import type { ArchivePlaces } from './archive-places.ts'
import { selectTags } from './archive-target.ts'
import { INDEX_SUFFIX, parseIndex } from './member-index.ts'
import { contentOf } from './published.ts'
import { formatRelease, readRelease, releaseKey } from './releases.ts'

/** What a release is made from. */
export interface ReleaseSource extends Pick<WritableStore, 'store' | 'writer'> {
  readonly places: ArchivePlaces
  readonly genomes: readonly Genome[]
  /** What is controlled: a release says it of its archives. */
  readonly access: AccessTable
  /** Undefined for an archive folder. */
  readonly generation?: number
}

/** What a release shall be. */
export interface ReleaseOrder {
  readonly name: string
  readonly description?: string
  /** Registry paths; none = everything that is served. */
  readonly registryPaths: readonly string[]
}

/**
 * Makes a release. One that is there with the same content is left as it is.
 *
 * @returns the release, and whether it was made now
 * @throws ReleaseRefused, NotInCatalogue, StorageFailed, StorageWriteFailed
 */
export async function createRelease(
  source: ReleaseSource,
  { name, description, registryPaths }: ReleaseOrder,
): Promise<{ readonly release: Release; readonly made: boolean }> {
  if (!RELEASE_NAME.test(name)) {
    const reason =
      'its name must be 1 to 64 letters, digits, . _ - and begin with a letter or digit'
    throw new ReleaseRefused(name, reason)
  }
  const chosen = chosenTags(source.genomes, name, registryPaths)
  const entries: ReleaseEntry[] = []
  for (const entry of chosen) {
    const archive = await archiveDigests(source, entry, name)
    entries.push(releaseEntry(entry, archive, source.access.studiesOf(entry)))
  }
  const release: Release = {
    format: 'refdepot-release',
    version: 1,
    name,
    description: description ?? null,
    created: new Date().toISOString(),
    generation: source.generation ?? null,
    entries: entries.sort((a, b) => byCodePoint(a.registry_path, b.registry_path)),
  }
  const { store, writer } = source
  if (await writer.put(releaseKey(name), formatRelease(release), { absent: true })) {
    return { release, made: true }
  }
  const there = await readRelease(store, name)
  if (there !== undefined && isSameRelease(there, release)) return { release: there, made: false }
  const reason =
    'there is one of this name with other content, and releases never change; give another name'
  throw new ReleaseRefused(name, reason)
}

/** What is served of what was named; a withdrawn tag that was named by itself is a mistake. */
function chosenTags(
  genomes: readonly Genome[],
  name: string,
  registryPaths: readonly string[],
): CatalogueEntry[] {
  for (const path of registryPaths.filter(it => it.includes(':'))) {
    const refused = selectTags(genomes, [path]).find(
      ({ tag }) => tag.withdrawal !== undefined || !tag.archived,
    )
    if (refused === undefined) continue
    const reason = refused.tag.archived ? 'is withdrawn' : 'is not archived'
    throw new ReleaseRefused(name, `${registryPathOf(refused)} ${reason}`)
  }
  const served = selectTags(genomes, registryPaths).filter(
    ({ tag }) => tag.archived && tag.withdrawal === undefined,
  )
  if (served.length === 0) throw new ReleaseRefused(name, 'there is nothing archived to be in it')
  return served
}

/** Digests and size of an archive: those of its index, else computed. */
async function archiveDigests(
  { store, places }: ReleaseSource,
  entry: CatalogueEntry,
  name: string,
): Promise<ReleaseEntry['archive']> {
  for (const key of places.archiveKeys(entry, 'stored')) {
    const object = await store.open(key)
    if (object === undefined) continue
    try {
      const index = parseIndex(String(await contentOf(store, key + INDEX_SUFFIX)))?.archive
      const archive = index?.size === object.size ? index : await digestsOf(object)
      if (archive.md5 === entry.tag.archiveDigest) return archive
      const problem = 'is not the one of the config'
      throw new ReleaseRefused(name, `the archive of ${registryPathOf(entry)} ${problem}`)
    } finally {
      await object.close()
    }
  }
  throw new ReleaseRefused(name, `the archive of ${registryPathOf(entry)} is missing`)
}
