/** `push`: copies archives of an archive folder into a store, what is there already stays, and publishes them as a new generation. */
import { readFile } from 'node:fs/promises'
import { readRawConfig } from '../config/raw-config.ts'
import { PushDamaged, PushRefused } from '../domain/archiving-errors.ts'
import { type CatalogueEntry, registryPathOf } from '../domain/catalogue.ts'
import { LATEST } from '../domain/genome.ts'
import { inParallel } from '../domain/in-parallel.ts'
import type { ProvenanceField } from '../domain/provenance.ts'
import { openFile } from '../storage/file-store.ts'
import { chunkDigestsOf } from './archive-digest.ts'
import { archiveName, publishedFolder } from './archive-places.ts'
import { archivePath, readIndex } from './archive-plan.ts'
import type { ArchiveTarget } from './archive-target.ts'
import { demandProvenance } from './demand-provenance.ts'
import { INDEX_SUFFIX, type MemberIndex } from './member-index.ts'
import { currentConfig, type PushStore, publishGeneration } from './publish-generation.ts'
import { contentOf } from './published.ts'
import { fateOf, type TagFate } from './published-tag.ts'
import { findTag, recordPublished } from './server-record.ts'
import { sideFilesIn } from './side-files.ts'

/** What happens to one archive: it was sent, it is there already, or it is withdrawn (here or there) and stays so. */
export interface PushEvent {
  readonly registryPath: string
  readonly action: 'pushed' | 'present' | 'withdrawn'
  /** Bytes that were sent; what an earlier push had sent already is not among them. */
  readonly sent: number
}

/** What a push has done. */
export interface Pushed {
  readonly generation: number
  readonly pushed: number
  readonly present: number
  readonly withdrawn: number
}

/** How archives are pushed. */
export interface PushOptions {
  readonly onEvent: (event: PushEvent) => void
  /** Fields of the provenance that each tag must have. */
  readonly require?: readonly ProvenanceField[]
}

// The parts of an archive are sent side by side, and are in memory; the store puts one together while another is sent.
const MOST_ARCHIVES = 4

/**
 * Copies the archives of tags and publishes them. A tag that is published keeps its archive for ever; what is refused for its name, its
 * content or its provenance is refused before anything is sent.
 *
 * @throws PushRefused when an archive is missing, has no index or is damaged; TagImmutable, ProvenanceMissing, PushConflict,
 *   StorageFailed, StorageWriteFailed
 */
export async function pushArchives(
  target: ArchiveTarget,
  entries: readonly CatalogueEntry[],
  to: PushStore,
  { onEvent, require = [] }: PushOptions,
): Promise<Pushed> {
  const counts = { pushed: 0, present: 0, withdrawn: 0 }
  const tell = (entry: CatalogueEntry, action: PushEvent['action'], sent = 0) => {
    counts[action] += 1
    onEvent({ registryPath: registryPathOf(entry), action, sent })
  }
  const offered = entries.filter(({ tag }) => tag.withdrawal === undefined)
  for (const entry of offered) demandPublishable(entry, require)
  const published = { store: to.store, config: await currentConfig(to) }
  const fates: TagFate[] = []
  for (const entry of offered) fates.push(await fateOf(published, entry, indexIn(target, entry)))
  for (const entry of entries) if (entry.tag.withdrawal !== undefined) tell(entry, 'withdrawn')
  await inParallel([...offered.entries()], MOST_ARCHIVES, async ([i, entry]) => {
    const { keepsArchive, withdrawn } = fates[i] as TagFate
    const sent = keepsArchive || withdrawn ? undefined : await pushOne(target, entry, to)
    tell(entry, withdrawn ? 'withdrawn' : sent === undefined ? 'present' : 'pushed', sent)
  })
  return { generation: await publishTags(target, offered, to), ...counts }
}

/** Names tags in the next generation; others may have published meanwhile, so each tag is compared with what is there then. */
async function publishTags(
  target: ArchiveTarget,
  entries: readonly CatalogueEntry[],
  to: PushStore,
): Promise<number> {
  const source = await readRawConfig(target.configFile)
  const now = new Date().toISOString()
  return publishGeneration(to, async config => {
    const published = { store: to.store, config }
    for (const entry of entries) {
      const { keepsArchive } = await fateOf(published, entry, indexIn(target, entry))
      const { genome, asset, tag } = entry
      const name = { genome: genome.digest, asset: asset.name, tag: tag.name }
      // What was compared and sent is what is published.
      if (findTag(source, name)?.archive_digest !== tag.archiveDigest) {
        const reason = 'it was archived anew while it was pushed; push again'
        throw new PushRefused(registryPathOf(entry), reason)
      }
      recordPublished(config, source, { ...name, keepsArchive, now })
    }
  })
}

/** Refuses a tag for its name or for what it does not say. Throws PushRefused, ProvenanceMissing. */
function demandPublishable(entry: CatalogueEntry, require: readonly ProvenanceField[]): void {
  if (entry.tag.name === LATEST) {
    const reason = `'${LATEST}' means the tag that was published last; give it a name of its own`
    throw new PushRefused(registryPathOf(entry), reason)
  }
  demandProvenance(entry, require)
}

/** Reads the index of an archive when it is asked for. */
function indexIn(target: ArchiveTarget, entry: CatalogueEntry) {
  return async (): Promise<MemberIndex | undefined> => {
    const path = await archivePath(target, entry)
    return path === undefined ? undefined : readIndex(path)
  }
}

/** Bytes that were sent; undefined when the store has the archive. The index is written last: an archive with an index is whole. */
async function pushOne(
  target: ArchiveTarget,
  entry: CatalogueEntry,
  to: PushStore,
): Promise<number | undefined> {
  const folder = publishedFolder(entry)
  const key = `${folder}/${archiveName(entry)}`
  const path = await archivePath(target, entry)
  const index = path === undefined ? undefined : await readIndex(path)
  if (path === undefined) throw new PushRefused(registryPathOf(entry), 'its archive is missing')
  if (index === undefined) {
    const reason = 'its archive has no member index; repack it with `refdepot archive import`'
    throw new PushRefused(registryPathOf(entry), reason)
  }
  if (index.archive.md5 !== entry.tag.archiveDigest) {
    throw new PushRefused(registryPathOf(entry), 'its archive is not the one of the config')
  }
  const indexText = await readFile(path + INDEX_SUFFIX)
  const there = await to.store.identify(key)
  const indexThere = await contentOf(to.store, key + INDEX_SUFFIX)
  const same = there?.size === index.archive.size && indexThere?.equals(indexText) === true
  if (same) return undefined
  const object = await openFile(path)
  const { sent } = await to.writer
    .upload(key, object, chunkCheck(entry, index))
    .finally(() => object.close())
  for (const { name, content } of await sideFilesIn(target.archiveFolder, entry)) {
    await to.writer.put(`${folder}/${name}`, content)
  }
  await to.writer.put(key + INDEX_SUFFIX, indexText)
  return sent
}

/** Compares what is read with the index: a damaged archive is not sent anywhere. */
function chunkCheck(entry: CatalogueEntry, { archive }: MemberIndex) {
  return async (part: Buffer, offset: number): Promise<void> => {
    for (const [i, digest] of (await chunkDigestsOf(part)).entries()) {
      const number = offset / archive.chunk_size + i
      if (digest === archive.chunks[number]) continue
      const mb = archive.chunk_size / 1024 ** 2
      const reason = `its archive is damaged in the ${mb} MiB chunk ${number} (counted from 0)`
      throw new PushDamaged(registryPathOf(entry), reason)
    }
  }
}
