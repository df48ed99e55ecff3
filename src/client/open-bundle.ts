/** Opens a bundle with its catalogue, as whoever imports or lists it needs it. */
import { BundleStore } from '../archive/bundle-store.ts'
import { INDEX_SUFFIX, parseIndex } from '../archive/member-index.ts'
import { contentOf, readPublished } from '../archive/published.ts'
import { filesOfTag, type TagFile, whyUnsafe } from '../archive/tag-files.ts'
import { type BundleCheck, verifyBundle } from '../archive/verify-bundle.ts'
import type { RawConfig } from '../config/genome-config-schema.ts'
import { rawConfigIn } from '../config/raw-config.ts'
import { BundleRefused } from '../domain/bundle-errors.ts'
import { Catalogue, type CatalogueEntry, registryPathOf } from '../domain/catalogue.ts'

/** An opened bundle. */
export interface OpenedBundle {
  readonly path: string
  readonly store: BundleStore
  readonly catalogue: Catalogue
  readonly config: RawConfig
}

/**
 * Opens a bundle. Its contents are not compared yet.
 *
 * @throws StorageFailed, BundleRefused when it is no bundle, or names what cannot be a name
 */
export async function openBundle(path: string): Promise<OpenedBundle> {
  const store = await BundleStore.open(path)
  const { config, text } = await readPublished(store, path)
  const catalogue = new Catalogue({ genomes: config.genomes })
  const digests = new Set(catalogue.genomes.map(({ digest }) => digest))
  for (const entry of catalogue.entries()) {
    const reason = whyUnsafe(entry, digests)
    if (reason !== undefined) throw new BundleRefused(path, reason)
    const [archive] = filesOfTag(entry)
    if (archive !== undefined && (await store.identify(archive.published)) === undefined) {
      throw new BundleRefused(path, `it has no archive of ${registryPathOf(entry)}`)
    }
  }
  return { path, store, catalogue, config: rawConfigIn(text, path) }
}

/**
 * Compares everything in a bundle with its digests.
 *
 * @throws DigestMismatch, BundleRefused, StorageFailed
 */
export async function checkBundle(
  { path, store, catalogue }: OpenedBundle,
  onFile?: (check: BundleCheck) => void,
): Promise<void> {
  await verifyBundle(store, path, onFile)
  for (const entry of catalogue.entries()) {
    const index = filesOfTag(entry).find(({ kind }) => kind === 'index')
    const text = index && (await contentOf(store, index.published))
    if (text === undefined) continue
    const { archive } = parseIndex(text.toString('utf8')) ?? {}
    if (archive === undefined || archive.md5 === entry.tag.archiveDigest) continue
    throw new BundleRefused(path, `${index?.published} is the ${INDEX_SUFFIX} of another archive`)
  }
}

/** The files of a tag that are in a bundle. */
export async function bundledFiles(
  { store }: OpenedBundle,
  entry: CatalogueEntry,
): Promise<TagFile[]> {
  const found: TagFile[] = []
  for (const file of filesOfTag(entry)) {
    if ((await store.identify(file.published)) !== undefined) found.push(file)
  }
  return found
}
