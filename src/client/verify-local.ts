/** Compares what is in a folder with what was placed there: by presence and size, with `deep` by digests. */
import { join } from 'node:path'
import { assetDigestOfFiles, orderedAsDictionary } from '../archive/asset-digests.ts'
import { fileDigests } from '../archive/file-digests.ts'
import { filesOfFolder, type Lack, lacksOf } from './folder-files.ts'
import { exists, type LocalAsset } from './local-assets.ts'
import type { PlacedRecord } from './placed-record.ts'

/** How an asset was compared, from the weakest to the strongest. */
type Comparison = 'presence' | 'size' | 'asset-digest' | 'sha256' | 'archive-digest'

/** An asset that was compared. */
export interface VerifiedAsset {
  readonly registryPath: string
  readonly path: string
  readonly comparison: Comparison
  /** Bytes that were read. */
  readonly bytes: number
  readonly problems: readonly Lack[]
}

/** How to verify. */
export interface VerifyOptions {
  /** Read every file. */
  readonly deep?: boolean
  /** Told while files are read: bytes more. */
  readonly onBytes?: (bytes: number) => void
  readonly signal?: AbortSignal
}

// Made by `refgenie build`, and no part of the digest.
const BUILD_FOLDER = '_refgenie_build'

/**
 * Compares an asset with its record; one that the Python client has placed with the digest in the config. Throws errors of the file system, and the reason
 * of the signal.
 */
export async function verifyLocal(
  asset: LocalAsset,
  options: VerifyOptions = {},
): Promise<VerifiedAsset> {
  const { registryPath, path, record } = asset
  let bytes = 0
  const onBytes = (more: number) => {
    options.signal?.throwIfAborted()
    bytes += more
    options.onBytes?.(more)
  }
  const lacks = record === undefined ? await lacksBySeekKeys(asset) : await lacksOf(path, record)
  const shallow = record === undefined ? 'presence' : 'size'
  const deep = options.deep === true && lacks.every(lack => lack.path !== '')
  const compared = deep ? await deepLacks(asset, lacks, onBytes) : undefined
  const problems = [...lacks, ...(compared?.lacks ?? [])]
  return { registryPath, path, comparison: compared?.comparison ?? shallow, bytes, problems }
}

interface Compared {
  readonly comparison: Comparison
  readonly lacks: readonly Lack[]
}

async function deepLacks(
  asset: LocalAsset,
  known: readonly Lack[],
  onBytes: (bytes: number) => void,
): Promise<Compared | undefined> {
  const { record, path, assetDigest = '' } = asset
  if (record?.form === 'archive') {
    return { comparison: 'archive-digest', lacks: await wrongArchive(path, record, onBytes) }
  }
  if (record?.files.every(file => file.sha256 !== undefined)) {
    return { comparison: 'sha256', lacks: await wrongFiles(path, record, known, onBytes) }
  }
  // A file that is missing has told enough already.
  if (assetDigest === '' || known.length > 0) return undefined
  return { comparison: 'asset-digest', lacks: await wrongAsset(path, assetDigest, onBytes) }
}

async function lacksBySeekKeys({ path, isThere, seekKeys }: LocalAsset): Promise<Lack[]> {
  if (!isThere) return [{ path: '', kind: 'missing', message: 'is not there' }]
  const names = (await filesOfFolder(path)).map(file => file.path)
  const lacks: Lack[] = []
  for (const [key, inner] of Object.entries(seekKeys)) {
    // A folder, a file, or what the names of several begin with.
    const leads = inner === '.' || names.some(name => name.startsWith(inner))
    if (leads || (await exists(join(path, inner)))) continue
    lacks.push({ path: inner, kind: 'missing', message: `is not there (seek key ${key})` })
  }
  return lacks
}

async function wrongArchive(
  path: string,
  { archive }: PlacedRecord,
  onBytes: (bytes: number) => void,
): Promise<Lack[]> {
  const { md5, sha256 } = await fileDigests(path, onBytes)
  const isSame = archive.sha256 === undefined ? md5 === archive.md5 : sha256 === archive.sha256
  return isSame ? [] : [{ path: '', kind: 'damaged', message: 'has other bytes than were pulled' }]
}

async function wrongFiles(
  folder: string,
  { files }: PlacedRecord,
  known: readonly Lack[],
  onBytes: (bytes: number) => void,
): Promise<Lack[]> {
  const lacking = new Set(known.map(({ path }) => path))
  const wrong: Lack[] = []
  for (const { path, sha256 } of files.filter(file => !lacking.has(file.path))) {
    const found = await fileDigests(join(folder, path), onBytes)
    if (found.sha256 === sha256) continue
    wrong.push({ path, kind: 'damaged', message: 'has other bytes than were pulled' })
  }
  return wrong
}

async function wrongAsset(
  folder: string,
  expected: string,
  onBytes: (bytes: number) => void,
): Promise<Lack[]> {
  const files: { path: string; md5: string }[] = []
  for (const { path } of await filesOfFolder(folder)) {
    if (path.startsWith(BUILD_FOLDER)) continue
    files.push({ path, md5: (await fileDigests(join(folder, path), onBytes)).md5 })
  }
  // Whoever built it had files ordered by the language of that machine.
  const digests = [assetDigestOfFiles(files), assetDigestOfFiles(files, orderedAsDictionary)]
  if (digests.includes(expected)) return []
  const message = `has the asset digest ${digests[0]} instead of ${expected}`
  return [{ path: '', kind: 'damaged', message }]
}
