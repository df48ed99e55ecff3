/** `bundle create`: archives with everything beside them, and the part of the config that names them, in one file. */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { Readable } from 'node:stream'
import {
  BUNDLE_GENERATION,
  BUNDLE_MANIFEST,
  type BundledFile,
  bundleManifestText,
} from '../archive/bundle-manifest.ts'
import { fileDigests } from '../archive/file-digests.ts'
import { CURRENT_KEY, currentText, generationKey } from '../archive/published.ts'
import { whyUnsafe } from '../archive/tag-files.ts'
import { type TarMember, writeTar } from '../archive/tar-file.ts'
import type { RawConfig } from '../config/genome-config-schema.ts'
import { formatGenomeConfig } from '../config/write-genome-config.ts'
import { type CatalogueEntry, registryPathOf } from '../domain/catalogue.ts'
import { byCodePoint } from '../domain/text-order.ts'
import { DigestMismatch, PullRefused, UsageInvalid } from '../domain/transfer-errors.ts'
import type { BundleSource, SourceFile, SourceTag } from './bundle-source.ts'
import { isRestricted, tagName } from './mirror-plan.ts'
import { mustHaveRoom } from './room.ts'

/** How a bundle is made. */
export interface CreateBundleOptions {
  /** True to take also what must not be passed on. */
  readonly includeRestricted?: boolean
  /** Told of each tag whose files are there. */
  readonly onTag?: (entry: CatalogueEntry) => void
}

/** What a bundle was made of. */
export interface CreatedBundle {
  readonly assets: number
  /** Bytes of the bundle. */
  readonly size: number
}

/**
 * Writes a bundle; it has its name only when it is whole. The same tags make the same bytes.
 *
 * @param file - absolute path
 * @throws UsageInvalid when there is none; PullRefused when one of the tags must not be passed on, or its archive is missing; DigestMismatch when one is damaged; what
 *   the source throws; DiskFull, StorageWriteFailed
 */
export async function createBundle(
  source: BundleSource,
  entries: readonly CatalogueEntry[],
  file: string,
  { includeRestricted = false, onTag }: CreateBundleOptions = {},
): Promise<CreatedBundle> {
  demandBundleable(entries, includeRestricted)
  const members = new Map<string, TarMember>()
  for (const entry of entries) {
    const tag = await source.filesOf(entry)
    for (const found of tag.files) {
      // The same archive under two tags of the same name lies in it once.
      if (!members.has(found.published)) {
        members.set(found.published, await memberOf(found, tag, entry))
      }
    }
    onTag?.(entry)
  }
  const config = formatGenomeConfig(partOf(source.config, entries))
  add(members, generationKey(BUNDLE_GENERATION), config)
  add(members, CURRENT_KEY, currentText(BUNDLE_GENERATION, 0))
  const sorted = [...members.values()].sort((a, b) => byCodePoint(a.path, b.path))
  await mustHaveRoom(
    dirname(file),
    sorted.reduce((sum, { size: bytes }) => sum + bytes, 0),
  )
  const manifest = bundleManifestText(sorted.map(bundled))
  await writeTar(file, [textMember(BUNDLE_MANIFEST, manifest), ...sorted], ({ path }) => {
    return new DigestMismatch(`${path} is damaged, or changed while it was bundled`)
  })
  return { assets: entries.length, size: (await stat(file)).size }
}

function demandBundleable(entries: readonly CatalogueEntry[], includeRestricted: boolean): void {
  if (entries.length === 0) throw new UsageInvalid('there is nothing to put into a bundle')
  const digests = new Set(entries.map(({ genome }) => genome.digest))
  for (const entry of entries) {
    const reason = whyUnsafe(entry, digests)
    if (reason !== undefined) throw new PullRefused(reason)
  }
  const restricted = includeRestricted ? [] : entries.filter(isRestricted)
  if (restricted.length === 0) return
  const names = restricted.map(registryPathOf).join(', ')
  throw new PullRefused(
    `${names} must not be passed on (redistribute: no); leave it out, or use --include-restricted when you may`,
  )
}

/** The part of a config that speaks of some tags; nothing of the folders and servers of whoever made it. */
function partOf(config: RawConfig, entries: readonly CatalogueEntry[]): RawConfig {
  const wanted = new Set(
    entries.map(tagName).flatMap(({ genome, asset, tag }) => {
      return [genome, `${genome}/${asset}`, `${genome}/${asset}:${tag}`]
    }),
  )
  const genomes = only(config.genomes, genome => wanted.has(genome))
  for (const [genome, value] of Object.entries(genomes)) {
    const assets = only(value.assets, asset => wanted.has(`${genome}/${asset}`))
    genomes[genome] = { ...value, assets }
    for (const [asset, { tags, ...rest }] of Object.entries(assets)) {
      const named = only(tags, tag => wanted.has(`${genome}/${asset}:${tag}`))
      assets[asset] = { ...rest, tags: named }
    }
  }
  return { config_version: '0.4', genomes }
}

/** Some entries of a map, without those that have no value. */
function only<T>(
  map: Readonly<Record<string, T | null>> | null | undefined,
  wanted: (key: string) => boolean,
): Record<string, T & {}> {
  const found = Object.entries(map ?? {}).filter(
    (entry): entry is [string, T & {}] => entry[1] != null && wanted(entry[0]),
  )
  return Object.fromEntries(found)
}

async function memberOf(
  { kind, path, published }: SourceFile,
  { index }: SourceTag,
  entry: CatalogueEntry,
): Promise<TarMember> {
  const { size } = await stat(path)
  const content = () => createReadStream(path)
  if (kind === 'archive' && index !== undefined) {
    return { path: published, size, sha256: index.archive.sha256, content }
  }
  const digests = await fileDigests(path)
  const { archiveDigest, legacyArchiveDigest } = entry.tag
  const claimed = { archive: archiveDigest, legacy: legacyArchiveDigest, index: '', side: '' }[kind]
  if (claimed !== '' && digests.md5 !== claimed) {
    throw new DigestMismatch(
      `${registryPathOf(entry)} is damaged: ${path} has the md5 ${digests.md5}, not ${claimed}`,
    )
  }
  return { path: published, size, sha256: digests.sha256, content }
}

function add(members: Map<string, TarMember>, path: string, text: string): void {
  members.set(path, textMember(path, text))
}

function textMember(path: string, text: string): TarMember {
  const bytes = Buffer.from(text)
  const sha256 = createHash('sha256').update(bytes).digest('hex')
  return { path, size: bytes.length, sha256, content: () => Readable.from([bytes]) }
}

function bundled({ path, size, sha256 }: TarMember): BundledFile {
  return { key: path, size, sha256 }
}
