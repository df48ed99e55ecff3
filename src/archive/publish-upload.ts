/** The last steps of an upload: the archive is read and compared, gets its name, and is published. */
import type { ProvenanceField } from '../domain/provenance.ts'
import { TagImmutable } from '../domain/publication-errors.ts'
import type { UploadEnd, UploadRecord } from '../domain/upload.ts'
import type { WritableStore } from '../storage/store-writer.ts'
import {
  archiveName,
  FOLDER_PLACES,
  publishedFolder,
  type SideFile,
  sideFileName,
} from './archive-places.ts'
import { formatIndex, INDEX_SUFFIX } from './member-index.ts'
import { type PushStore, publishGeneration } from './publish-generation.ts'
import { currentGeneration } from './published.ts'
import { fateOf } from './published-tag.ts'
import { following } from './push-staged.ts'
import { recordPublished } from './server-record.ts'
import type { UploadOrder } from './upload-order.ts'
import { verifyArchive } from './verify-archives.ts'

/** Where uploads are published. */
export interface PublishUpload extends PushStore {
  readonly uploads: WritableStore['uploads']
  /** Fields of the provenance that each tag must have. */
  readonly require?: readonly ProvenanceField[]
}

const SIDE_FILES: readonly SideFile[] = ['log', 'recipe', 'contents']
// More is not read by anybody.
const MOST_PROBLEMS = 5

/** Key of the archive of an upload until it was compared. */
export function stagingKey(id: string): string {
  return `uploads/${id}/archive`
}

/**
 * Compares what was sent with what was announced, and publishes it. What was done before is not done again.
 *
 * @throws StorageFailed, StorageWriteFailed, PushConflict: it may be tried again
 */
export async function publishUpload(
  to: PublishUpload,
  record: UploadRecord,
  order: UploadOrder,
): Promise<UploadEnd> {
  const { uploads, writer } = to
  const { entry, index, files } = order
  const staged = stagingKey(record.id)
  const folder = publishedFolder(entry)
  const key = `${folder}/${archiveName(entry)}`
  const indexText = formatIndex(index)
  if (!(await isWhole(to, key, indexText))) {
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
    await writer.put(key + INDEX_SUFFIX, indexText)
  }
  await removeStaged(to, staged)
  return publishTag(to, order)
}

/** Where the archive is: still under the name of the upload, or under its own already when somebody was killed before the index was there. */
async function placeOf(
  { store, uploads }: PublishUpload,
  key: string,
  { id, storeUpload }: UploadRecord,
): Promise<string> {
  const staged = stagingKey(id)
  if ((await store.identify(staged)) !== undefined) return staged
  const parts = await uploads.parts({ key: staged, id: storeUpload })
  if (parts.length === 0) return key
  await uploads.complete({ key: staged, id: storeUpload })
  return staged
}

/** True when the archive has its name and its index, which is written last. */
async function isWhole({ store }: PublishUpload, key: string, index: string): Promise<boolean> {
  if ((await store.identify(key)) === undefined) return false
  const object = await store.open(key + INDEX_SUFFIX)
  if (object === undefined) return false
  const there = await object.bytes({ start: 0, end: object.size }).finally(() => object.close())
  return there.toString('utf8') === index
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

async function removeStaged({ uploads }: PublishUpload, staged: string): Promise<void> {
  await uploads.remove(staged)
  await uploads.remove(staged + INDEX_SUFFIX)
}

async function publishTag(to: PublishUpload, order: UploadOrder): Promise<UploadEnd> {
  const { entry, index } = order
  const name = { genome: entry.genome.digest, asset: entry.asset.name, tag: entry.tag.name }
  const now = new Date().toISOString()
  try {
    const generation = await publishGeneration(to, async config => {
      const { keepsArchive } = await fateOf({ store: to.store, config }, entry, async () => index)
      // It must not rename or open what others have published.
      recordPublished(config, following(order.config, config), { ...name, keepsArchive, now })
    })
    return { state: 'published', generation }
  } catch (error) {
    // Somebody else was quicker with other files under this name.
    if (!(error instanceof TagImmutable)) throw error
    return { state: 'failed', reason: error.message }
  }
}

/** Number of the generation that counts; 0 when nothing was published yet. */
export async function generationNow({ store, place }: PushStore): Promise<number> {
  return (await currentGeneration(store, place))?.generation ?? 0
}
