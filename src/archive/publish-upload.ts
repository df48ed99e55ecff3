/** The last steps of an upload: the archive is read and compared, gets its name, and is published. */
import { isDeepStrictEqual } from 'node:util'
import type { RawConfig } from '../config/genome-config-schema.ts'
import { Forbidden } from '../domain/access-errors.ts'
import { PushConflict } from '../domain/archiving-errors.ts'
import type { ProvenanceField } from '../domain/provenance.ts'
import { TagImmutable } from '../domain/publication-errors.ts'
import { type UploadEnd, type UploadRecord, UploadRefused } from '../domain/upload.ts'
import type { WritableStore } from '../storage/store-writer.ts'
import { archiveName, FOLDER_PLACES, publishedFolder, sideFileName } from './archive-places.ts'
import { formatIndex, INDEX_SUFFIX, type MemberIndex, parseIndex } from './member-index.ts'
import { type PushStore, publishGeneration } from './publish-generation.ts'
import { contentOf, currentGeneration } from './published.ts'
import { fateOf } from './published-tag.ts'
import { following } from './push-staged.ts'
import { recordPublished } from './server-record.ts'
import { SIDE_FILES } from './side-files.ts'
import type { UploadOrder } from './upload-order.ts'
import { verifyArchive } from './verify-archives.ts'

/** Where uploads are published. */
export interface PublishUpload extends PushStore {
  readonly uploads: WritableStore['uploads']
  /** Fields of the provenance that each tag must have. */
  readonly require?: readonly ProvenanceField[]
}

// More is not read by anybody.
const MOST_PROBLEMS = 5
const OTHER_INDEX =
  'an archive with the same bytes is there already, under another genome or with other files'

/** Key of the archive of an upload until it was compared. */
export function stagingKey(id: string): string {
  return `uploads/${id}/archive`
}

/**
 * Compares what was sent with what was announced, and publishes it. What was done before is not done again.
 *
 * @param demandRight - throws Forbidden or UploadRefused when the sender may not publish it on top of a config
 * @throws StorageFailed, StorageWriteFailed, PushConflict: it may be tried again
 */
export async function publishUpload(
  to: PublishUpload,
  record: UploadRecord,
  order: UploadOrder,
  demandRight: (config: RawConfig) => void,
): Promise<UploadEnd> {
  const { uploads, writer } = to
  const { entry, index, files } = order
  const staged = stagingKey(record.id)
  const folder = publishedFolder(entry)
  const key = `${folder}/${archiveName(entry)}`
  const indexText = formatIndex(index)
  const fate = await fateOfIndex(to, key, index)
  if (fate === 'other') {
    await removeStaged(to, staged)
    return { state: 'failed', reason: OTHER_INDEX }
  }
  if (fate === 'absent') {
    const where = await placeOf(to, key, record)
    await writer.put(staged + INDEX_SUFFIX, indexText)
    const reason = await whyDamaged(to, { key: where, index: staged + INDEX_SUFFIX }, order)
    if (reason !== undefined) {
      await removeStaged(to, staged)
      return { state: 'failed', reason }
    }
    for (const file of SIDE_FILES) {
      const content = files[file]
      if (content !== undefined) await writer.put(`${folder}/${sideFileName(entry, file)}`, content)
    }
    if (where === staged) await uploads.move(staged, key)
    // Somebody else may have put the same bytes there meanwhile: then it is compared with theirs, the next time.
    if (!(await writer.put(key + INDEX_SUFFIX, indexText, { absent: true }))) {
      throw new PushConflict(to.place)
    }
  }
  const end = await publishTag(to, order, demandRight)
  // Last: until then it tells whoever goes on that everything was sent.
  await removeStaged(to, staged)
  return end
}

/**
 * Where the archive is: still under the name of the upload, or under its own already when somebody was killed between the move and the index. Only
 * this upload's own index under its name tells of that: an archive that others have put there is none of ours.
 */
async function placeOf(
  { store, uploads }: PublishUpload,
  key: string,
  { id, storeUpload }: UploadRecord,
): Promise<string> {
  const staged = stagingKey(id)
  if ((await store.identify(staged)) !== undefined) return staged
  if ((await store.identify(staged + INDEX_SUFFIX)) !== undefined) return key
  await uploads.complete({ key: staged, id: storeUpload })
  return staged
}

/**
 * Whether an index lies where the one of the upload is to lie. The archive of somebody else may have the same bytes: its index and what lies
 * beside it must stay as they are, whatever the sender says of them.
 */
async function fateOfIndex(
  { store }: PublishUpload,
  key: string,
  index: MemberIndex,
): Promise<'absent' | 'same' | 'other'> {
  const text = await contentOf(store, key + INDEX_SUFFIX)
  if (text === undefined) return 'absent'
  const there = parseIndex(text.toString('utf8'))
  if (there === undefined || !isDeepStrictEqual(comparable(there), comparable(index))) {
    return 'other'
  }
  return (await store.identify(key)) === undefined ? 'other' : 'same'
}

/** A push for a genome with a new alias adds digests of views: these do not count. */
function comparable(index: MemberIndex): object {
  const { views: _views, replaces: _replaces, ...rest } = index
  return JSON.parse(formatIndex(rest as MemberIndex))
}

async function whyDamaged(
  { store }: PublishUpload,
  { key, index }: { readonly key: string; readonly index: string },
  { entry }: UploadOrder,
): Promise<string | undefined> {
  const places = { ...FOLDER_PLACES, archiveKeys: () => [key] }
  const reading = {
    // The index that was sent, wherever the archive is.
    open: (name: string) => store.open(name === key + INDEX_SUFFIX ? index : name),
    identify: (name: string) => store.identify(name),
  }
  const at = { store: reading, places, shownAs: (name: string) => name }
  const { problems } = await verifyArchive(at, entry, true)
  if (problems.length === 0) return undefined
  const shown = problems.slice(0, MOST_PROBLEMS).map(({ message }) => message)
  return `what was sent is not what was announced: ${shown.join('; ')}`
}

/** Removes what was sent of an upload. */
export async function removeStaged({ uploads }: PublishUpload, staged: string): Promise<void> {
  await uploads.remove(staged)
  await uploads.remove(staged + INDEX_SUFFIX)
}

async function publishTag(
  to: PublishUpload,
  order: UploadOrder,
  demandRight: (config: RawConfig) => void,
): Promise<UploadEnd> {
  const { entry, index } = order
  const name = { genome: entry.genome.digest, asset: entry.asset.name, tag: entry.tag.name }
  const now = new Date().toISOString()
  try {
    const generation = await publishGeneration(to, async config => {
      // Others may have published since it was begun: its genome, or another one of the same name.
      demandRight(config)
      const { keepsArchive } = await fateOf({ store: to.store, config }, entry, async () => index)
      // It must not rename or open what others have published.
      recordPublished(config, following(order.config, config), { ...name, keepsArchive, now })
    })
    return { state: 'published', generation }
  } catch (error) {
    // Somebody else was quicker with other files under this name.
    const isFinal = [TagImmutable, UploadRefused, Forbidden].some(kind => error instanceof kind)
    if (!isFinal) throw error
    return { state: 'failed', reason: (error as Error).message }
  }
}

/** Number of the generation that counts; 0 when nothing was published yet. */
export async function generationNow({ store, place }: PushStore): Promise<number> {
  return (await currentGeneration(store, place))?.generation ?? 0
}
