/** Reads a bundle from begin to end and compares every byte with its manifest. */
import { BundleDamaged } from '../domain/bundle-errors.ts'
import { DigestMismatch } from '../domain/transfer-errors.ts'
import { digestsOf } from './archive-digest.ts'
import { type BundledPlace, type BundleStore, headerOf } from './bundle-store.ts'
import { paddingOf, TAR_END_LENGTH } from './tar-header.ts'

const ARCHIVE_KEY = /^archives\/([0-9a-f]{32})\/[^/]+\.tgz$/

/** Where a check is. */
export interface BundleCheck {
  readonly key: string
  /** Bytes. */
  readonly size: number
}

/**
 * Compares a bundle with its manifest, and its archives with the digests by which they are named.
 *
 * @param path - for messages
 * @param onFile - told of each file that is sound
 * @throws DigestMismatch naming the file that differs; BundleDamaged when the tar is another one than its manifest says; StorageFailed
 */
export async function verifyBundle(
  store: BundleStore,
  path: string,
  onFile: (check: BundleCheck) => void = () => {},
): Promise<void> {
  for (const file of store.files) {
    await verifyFrame(store, path, file)
    await verifyContent(store, path, file)
    onFile({ key: file.key, size: file.size })
  }
}

async function verifyContent(store: BundleStore, path: string, file: BundledPlace): Promise<void> {
  const { offset, size, key, sha256 } = file
  const object = await store.raw()
  const part = {
    size,
    stream: () => object.stream({ start: offset, end: offset + size }),
  }
  const digests = await digestsOf(part)
  const md5 = ARCHIVE_KEY.exec(key)?.[1] ?? digests.md5
  if (digests.sha256 === sha256 && digests.md5 === md5) return
  const found = digests.sha256 === sha256 ? `md5 ${digests.md5}` : `sha256 ${digests.sha256}`
  throw new DigestMismatch(`${path}: ${key} is damaged: it has the ${found}; copy the bundle again`)
}

/** What other tools than this one unpack is what the manifest says. */
async function verifyFrame(store: BundleStore, path: string, file: BundledPlace): Promise<void> {
  const { start, offset, size, key } = file
  const object = await store.raw()
  try {
    const header = await object.bytes({ start, end: offset })
    const from = offset + size
    const isLast = file === store.files.at(-1)
    const end = from + paddingOf(size) + (isLast ? TAR_END_LENGTH : 0)
    const behind = await object.bytes({ start: from, end })
    if (header.equals(headerOf(file)) && behind.every(byte => byte === 0)) return
  } finally {
    await object.close()
  }
  throw new BundleDamaged(path, `is damaged at ${key}: the tar is not the one of its manifest`)
}
