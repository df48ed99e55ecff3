/**
 * Publishes datasets as assets, beside the archives of the same store: genome `<nature>.<data type>`, asset = kind, tag = version.
 *
 * Their archives are not written: an index tells how each follows from the files that lie loose in the store, once (`archive/loose-archive.ts`).
 */
import { digestsOf } from '../archive/archive-digest.ts'
import { legacyNaming } from '../archive/archive-layout.ts'
import { archiveName, publishedFolder, sideFileName } from '../archive/archive-places.ts'
import { viewBlob } from '../archive/archive-view.ts'
import { assetDigestOf } from '../archive/asset-digests.ts'
import { LooseArchive } from '../archive/loose-archive.ts'
import {
  filesOf,
  formatIndex,
  INDEX_SUFFIX,
  type MemberIndex,
  parseIndex,
} from '../archive/member-index.ts'
import { packLoose } from '../archive/pack-archive.ts'
import { type PushStore, publishGeneration } from '../archive/publish-generation.ts'
import { contentOf, currentGeneration, readPublished } from '../archive/published.ts'
import { findTag, recordArchive } from '../archive/server-record.ts'
import type { SourceEntry, SourceTree } from '../archive/source-tree.ts'
import type { RawConfig } from '../config/genome-config-schema.ts'
import type { CatalogueEntry } from '../domain/catalogue.ts'
import {
  type Dataset,
  genomeAliasOf,
  genomeDigestOf,
  storeFolderOf,
  titleOf,
} from '../domain/dataset.ts'
import { DatasetDamaged } from '../domain/dataset-errors.ts'
import { Tag } from '../domain/genome.ts'
import { byCodePoint } from '../domain/text-order.ts'
import { FileStore } from '../storage/file-store.ts'
import type { ReadyFile } from './data-ready.ts'
import type { UploadedDataset } from './upload-datasets.ts'

/** A dataset whose index is in the store: all that is missing is its name in the catalogue. */
export interface IndexedDataset {
  readonly uploaded: UploadedDataset
  readonly index: MemberIndex
}

// A tag with more seek keys helps nobody.
const MOST_SEEK_KEYS = 100

/**
 * Puts the index of a dataset into the store, unless the generation that counts has it.
 *
 * @throws DatasetDamaged, SourceChanged, SourceRefused, StorageFailed, StorageWriteFailed
 */
export async function indexDataset(
  to: PushStore,
  uploaded: UploadedDataset,
): Promise<IndexedDataset> {
  const known = await publishedIndex(to, uploaded)
  if (known !== undefined) return { uploaded, index: known }
  const index = await withLegacyView(uploaded, await builtIndex(uploaded))
  const entry = entryOf(uploaded.dataset, index.archive.md5)
  const folder = publishedFolder(entry)
  const paths = index.entries.filter(({ type }) => type !== 'folder').map(({ path }) => path)
  await to.writer.put(`${folder}/${sideFileName(entry, 'contents')}`, JSON.stringify(paths))
  await to.writer.put(`${folder}/${archiveName(entry)}${INDEX_SUFFIX}`, formatIndex(index))
  return { uploaded, index }
}

/**
 * Publishes datasets in the next generation; answers its number.
 *
 * @throws PushConflict, StorageFailed, StorageWriteFailed
 */
export function publishDatasets(
  to: PushStore,
  datasets: readonly IndexedDataset[],
): Promise<number> {
  const now = new Date().toISOString()
  return publishGeneration(to, config => {
    for (const dataset of datasets) record(config, dataset, now)
  })
}

/** The index that is published already; undefined when there is none of these very files. */
async function publishedIndex(
  { store, place }: PushStore,
  { dataset, ready }: UploadedDataset,
): Promise<MemberIndex | undefined> {
  if ((await currentGeneration(store, place)) === undefined) return undefined
  const { config } = await readPublished(store, place)
  const genome = config.genomes.find(({ digest }) => digest === genomeDigestOf(dataset))
  const tag = genome?.assets.get(dataset.kind)?.tags.get(dataset.version)
  if (tag === undefined) return undefined
  const entry = entryOf(dataset, tag.archiveDigest)
  const key = `${publishedFolder(entry)}/${archiveName(entry)}${INDEX_SUFFIX}`
  const text = await contentOf(store, key)
  const index = text && parseIndex(text.toString('utf8'))
  const sound = index?.loose === storeFolderOf(dataset) && isOf(index, ready.files ?? [])
  return sound ? index : undefined
}

async function builtIndex({ dataset, ready, folder, files }: UploadedDataset) {
  const executable = new Set(
    (ready.files ?? []).flatMap(file => (file.executable === true ? [file.path] : [])),
  )
  const folders = new Set<string>()
  for (const { path } of files) {
    for (let at = path.indexOf('/'); at !== -1; at = path.indexOf('/', at + 1)) {
      folders.add(path.slice(0, at))
    }
  }
  const entries: SourceEntry[] = [
    ...files.map(({ chunks: _, sha256: _s, md5: _m, ...file }) => ({
      ...file,
      type: 'file' as const,
      // As the store has it, so that every machine makes the same index.
      executable: executable.has(file.path),
    })),
    ...[...folders].map(path => {
      const none = { size: 0, modifiedNs: 0n, executable: false }
      return { path, type: 'folder' as const, source: `${folder}/${path}`, ...none }
    }),
  ].sort((a, b) => byCodePoint(a.path, b.path))
  const tree: SourceTree = {
    root: folder,
    entries,
    size: files.reduce((sum, { size }) => sum + size, 0),
  }
  const genome = genomeDigestOf(dataset)
  const { kind: asset, version: tag } = dataset
  const index = await packLoose({ genome, asset, tag, tree, loose: storeFolderOf(dataset) })
  if (isOf(index, ready.files ?? [])) return index
  throw new DatasetDamaged(titleOf(dataset), 'its files changed while it was uploaded')
}

/** API v1 and v2 serve an archive with another top folder; its digest takes another pass over the files. */
async function withLegacyView(
  { dataset, folder }: UploadedDataset,
  index: MemberIndex,
): Promise<MemberIndex> {
  const here = { ...index, loose: '.' }
  const identity = { size: index.archive.size, modifiedMs: 0, inode: '' }
  const object = new LooseArchive(new FileStore(folder), dataset.kind, here, identity)
  const alias = genomeAliasOf(dataset)
  const blob = viewBlob({ object, index }, legacyNaming(dataset.kind, alias))
  return { ...index, views: { legacy: { [alias]: await digestsOf(blob) } } }
}

function isOf(index: MemberIndex, files: readonly ReadyFile[]): boolean {
  const indexed = new Map(filesOf(index).map(({ path, sha256 }) => [path, sha256]))
  return (
    indexed.size === files.length && files.every(({ path, sha256 }) => indexed.get(path) === sha256)
  )
}

function entryOf(dataset: Dataset, md5: string): CatalogueEntry {
  const digest = genomeDigestOf(dataset)
  return {
    genome: { digest, aliases: [genomeAliasOf(dataset)], folder: digest, assets: new Map() },
    asset: { name: dataset.kind, tags: new Map() },
    tag: new Tag(dataset.version, { archive_digest: md5 }),
  }
}

function record(
  config: RawConfig,
  { uploaded: { dataset }, index }: IndexedDataset,
  now: string,
): void {
  const genome = genomeDigestOf(dataset)
  const alias = genomeAliasOf(dataset)
  const { kind: asset, version: tag, nature, type, description } = dataset
  const source: RawConfig = {
    genomes: {
      [genome]: {
        aliases: [alias],
        genome_description: `Datasets of ${nature}, ${type}: no genome`,
        assets: {
          [asset]: {
            ...(description !== undefined && { asset_description: description }),
            default_tag: tag,
            tags: { [tag]: { asset_path: asset, seek_keys: seekKeysOf(index) } },
          },
        },
      },
    },
  }
  const legacy = index.views.legacy[alias]
  const name = { genome, asset, tag }
  const before = findTag(config, name)?.published_at
  recordArchive(config, source, {
    genome,
    asset,
    tag,
    archiveDigest: index.archive.md5,
    ...(legacy && { legacyDigest: legacy.md5 }),
    archiveSize: index.archive.size,
    assetSize: filesOf(index).reduce((sum, { size }) => sum + size, 0),
    assetDigest: assetDigestOf(index),
  })
  const recorded = findTag(config, name)
  if (recorded !== undefined) recorded.published_at = before ?? now
}

/** `dir` is the folder; a file at its top has a key of its own when its name makes one: letters, digits and `_`, others become `_`. */
function seekKeysOf(index: MemberIndex): Record<string, string> {
  const keys = new Map<string, string | undefined>([['dir', '.']])
  for (const { path, size } of filesOf(index)) {
    if (size === 0 || !/^[A-Za-z][\w.-]*$/.test(path)) continue
    const key = path.replaceAll(/[.-]/g, '_')
    // Two files of one key would be told apart by nobody.
    keys.set(key, keys.has(key) ? undefined : path)
  }
  keys.set('dir', '.')
  const sound = [...keys].flatMap(([key, path]) => (path === undefined ? [] : [[key, path]]))
  return Object.fromEntries(sound.slice(0, MOST_SEEK_KEYS))
}
