/**
 * A bundle as a published store: its files are read where they lie in the tar, nothing is unpacked.
 *
 * Every byte of a bundle between its contents follows from its manifest (`tar-file.ts`), so the manifest alone tells where everything is. A tar
 * that somebody else has written, or that is shorter or longer than it should be, is refused.
 */
import { BundleDamaged, BundleRefused } from '../domain/bundle-errors.ts'
import { StorageFailed } from '../domain/errors.ts'
import { openFile } from '../storage/file-store.ts'
import type { ByteRange, Identity, Listed, Store, StoredObject } from '../storage/store.ts'
import {
  BUNDLE_MANIFEST,
  type BundledFile,
  MOST_MANIFEST_BYTES,
  parseBundleManifest,
} from './bundle-manifest.ts'
import { paddingOf, TAR_END_LENGTH, tarHeader } from './tar-header.ts'

/** A file of a bundle with its place. */
export interface BundledPlace extends BundledFile {
  /** Where its header begins, in bytes of the bundle. */
  readonly start: number
  /** Where its content begins. */
  readonly offset: number
}

const SIZE_FIELD = [124, 135] as const
const HEADER_LENGTH = tarHeader({ path: BUNDLE_MANIFEST, type: 'file', size: 0 }).length
// The time of its members: the same in every bundle.
const MODIFIED_MS = 946_684_800_000

/** See the head of this file. */
export class BundleStore implements Store {
  /** In the order of their keys, which is the one of the tar. */
  readonly files: readonly BundledPlace[]
  readonly #path: string
  readonly #identity: Identity
  readonly #byKey: ReadonlyMap<string, BundledPlace>

  private constructor(path: string, identity: Identity, files: readonly BundledPlace[]) {
    this.#path = path
    this.#identity = identity
    this.files = files
    this.#byKey = new Map(files.map(file => [file.key, file]))
  }

  /**
   * Opens a bundle; of its contents only the manifest is read.
   *
   * @throws StorageFailed when there is no such file; BundleRefused, BundleDamaged
   */
  static async open(path: string): Promise<BundleStore> {
    const object = await openFile(path)
    try {
      const manifest = await manifestIn(object, path)
      const files = placed(parseBundleManifest(String(manifest), path), manifest.length)
      const last = files.at(-1) as BundledPlace
      const end = endOf(last.offset, last.size) + TAR_END_LENGTH
      if (object.size !== end) {
        const reason = `is not whole: it has ${object.size} bytes, and should have ${end}; copy it again`
        throw new BundleDamaged(path, reason)
      }
      return new BundleStore(path, object, files)
    } finally {
      await object.close()
    }
  }

  async open(key: string): Promise<StoredObject | undefined> {
    const file = this.#byKey.get(key)
    if (file === undefined) return undefined
    const object = await this.raw()
    const shifted = ({ start, end }: ByteRange) => ({
      start: file.offset + start,
      end: file.offset + end,
    })
    return {
      key,
      ...identityOf(file),
      stream: range => object.stream(shifted(range)),
      bytes: range => object.bytes(shifted(range)),
      close: () => object.close(),
    }
  }

  async identify(key: string): Promise<Identity | undefined> {
    const file = this.#byKey.get(key)
    return file && identityOf(file)
  }

  async list(folder: string): Promise<Listed[]> {
    return this.files
      .filter(({ key }) => key.startsWith(`${folder}/`))
      .map(({ key, size }) => ({ path: key.slice(folder.length + 1), size }))
  }

  /**
   * The whole bundle.
   *
   * @throws StorageFailed when it is another file by now
   */
  async raw(): Promise<StoredObject> {
    const object = await openFile(this.#path)
    const { size, modifiedMs, inode } = this.#identity
    if (object.size === size && object.modifiedMs === modifiedMs && object.inode === inode) {
      return object
    }
    await object.close()
    throw new StorageFailed(this.#path, new Error('the bundle was replaced; start again'))
  }
}

/** Where the content of a file ends with its padding. */
function endOf(offset: number, size: number): number {
  return offset + size + paddingOf(size)
}

/** What tells one state from another: its digest, so that it is the same on every machine. */
function identityOf({ size, sha256 }: BundledFile): Identity {
  return { size, modifiedMs: MODIFIED_MS, inode: sha256.slice(0, 32) }
}

function placed(files: readonly BundledFile[], manifestLength: number): BundledPlace[] {
  let start = endOf(HEADER_LENGTH, manifestLength)
  return files.map(file => {
    const offset = start + headerOf(file).length
    const place = { ...file, start, offset }
    start = endOf(offset, file.size)
    return place
  })
}

/** The header of a file of a bundle. */
export function headerOf({ key, size }: BundledFile): Buffer {
  return tarHeader({ path: key, type: 'file', size })
}

async function manifestIn(object: StoredObject, path: string): Promise<Buffer> {
  const refuse = (reason: string) => new BundleRefused(path, `is no bundle of refdepot: ${reason}`)
  if (object.size < HEADER_LENGTH) throw refuse('it is too short')
  const header = await object.bytes({ start: 0, end: HEADER_LENGTH })
  const size = Number.parseInt(header.toString('latin1', ...SIZE_FIELD), 8)
  if (!header.equals(tarHeader({ path: BUNDLE_MANIFEST, type: 'file', size: size || 0 }))) {
    throw refuse(`it does not begin with ${BUNDLE_MANIFEST}`)
  }
  if (size > MOST_MANIFEST_BYTES) throw refuse(`its ${BUNDLE_MANIFEST} is too large`)
  const end = HEADER_LENGTH + size
  if (end > object.size) throw new BundleDamaged(path, 'is not whole: copy it again')
  return object.bytes({ start: HEADER_LENGTH, end })
}
