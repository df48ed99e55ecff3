/** A folder of the local disk as a store; nothing outside its roots can be reached, links resolved. */
import { constants } from 'node:fs'
import { type FileHandle, lstat, open, readdir, realpath, stat } from 'node:fs/promises'
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from 'node:path'
import type { Readable } from 'node:stream'
import { OutsideRoot, ShortRead, StorageFailed } from '../domain/errors.ts'
import { byCodePoint } from '../domain/text-order.ts'
import { FileStream } from './file-stream.ts'
import type { ByteRange, FilePlace, Identity, Listed, Store, StoredObject } from './store.ts'

// Answers of the kernel that mean "there is no such file"; everything else is a failure of the store.
const ABSENT = new Set(['ENOENT', 'ENOTDIR', 'ENAMETOOLONG'])

// NONBLOCK: opening a named pipe must not wait for a writer for ever.
const WITHOUT_LINKS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK

// A folder that was found to lie inside the roots is believed for this long: one realpath a second, not one a request.
const TRUST_MS = 1000

/** Where a path leads, links resolved. */
interface Inside {
  readonly real: string
  /** The folder of the store. */
  readonly root: string
  /** When it was looked at, by `performance.now()`. */
  readonly at: number
}

/** A folder of the local disk as a store. */
export class FileStore implements Store {
  /** Absolute path of the folder. */
  readonly root: string
  readonly #allowed: readonly string[]
  readonly #trusted = new Map<string, Inside>()

  /**
   * @param root - the folder; it need not exist yet
   * @param allowed - further folders that links may lead to
   */
  constructor(root: string, allowed: readonly string[] = []) {
    this.root = resolve(root)
    this.#allowed = allowed.map(folder => resolve(folder))
  }

  async open(key: string): Promise<StoredObject | undefined> {
    const path = this.pathOf(key)
    const opened = await this.#openInside(path)
    if (opened === undefined) return undefined
    const { file, place } = opened
    try {
      const stats = await file.stat()
      if (stats.isFile()) return new OpenFile(file, { key, path, place }, identityOf(stats))
    } catch (error) {
      await file.close()
      throw new StorageFailed(path, error)
    }
    await file.close()
    return undefined
  }

  async identify(key: string): Promise<Identity | undefined> {
    const path = this.pathOf(key)
    // As in `open`: what is no link itself lies where its folder does, and that is believed for a while.
    const own = await absentAsUndefined(lstat(path), path)
    const isLink = own?.isSymbolicLink() === true
    const stats = isLink ? await absentAsUndefined(stat(path), path) : own
    if (stats?.isFile() !== true) return undefined
    await (isLink ? this.#mustBeInside(path) : this.#mustBeInside(dirname(path), true))
    return identityOf(stats)
  }

  async list(folder: string): Promise<Listed[]> {
    const top = this.pathOf(folder)
    const entries = await absentAsUndefined(
      readdir(top, { recursive: true, withFileTypes: true }),
      top,
    )
    const files = (entries ?? []).filter(entry => !entry.isDirectory())
    const listed: Listed[] = []
    for (const entry of files) {
      const path = relative(top, join(entry.parentPath, entry.name)).split(sep).join('/')
      // What leads out of the roots is not there for anybody.
      const identity = await this.identify(`${folder}/${path}`).catch(outsideAsUndefined)
      if (identity !== undefined) listed.push({ path, size: identity.size })
    }
    return listed.sort((a, b) => byCodePoint(a.path, b.path))
  }

  /**
   * Absolute path of a key.
   *
   * @throws OutsideRoot when the key itself climbs out (`..`, an absolute path) or holds a NUL
   */
  pathOf(key: string): string {
    const path = resolve(this.root, key)
    if (key.includes('\0') || isAbsolute(key) || !isBelow(path, this.root)) {
      throw new OutsideRoot(key)
    }
    return path
  }

  /** Opens without following a link in the last part; a link is followed only after its target was looked at. */
  async #openInside(
    path: string,
  ): Promise<{ file: FileHandle; place: FilePlace | undefined } | undefined> {
    try {
      const folder = await this.#mustBeInside(dirname(path), true)
      const file = await open(path, WITHOUT_LINKS)
      return { file, place: folder && placeOf(folder, basename(path)) }
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code ?? ''
      if (ABSENT.has(code)) return undefined
      if (error instanceof OutsideRoot || error instanceof StorageFailed) throw error
      if (code !== 'ELOOP') throw new StorageFailed(path, error)
    }
    const target = await this.#mustBeInside(path)
    if (target === undefined) return undefined
    const file = await absentAsUndefined(open(target.real, WITHOUT_LINKS), path)
    return file && { file, place: placeOf(target) }
  }

  /** Where a path leads, when that lies in a root; undefined when nothing is there. */
  async #mustBeInside(path: string, remember = false): Promise<Inside | undefined> {
    const at = performance.now()
    const known = remember ? this.#trusted.get(path) : undefined
    if (known !== undefined && at - known.at < TRUST_MS) return known
    const real = await absentAsUndefined(realpath(path), path)
    if (real === undefined) return undefined
    const roots = await Promise.all(
      [this.root, ...this.#allowed].map(root => realpath(root).catch(() => root)),
    )
    if (!roots.some(root => isBelow(real, root))) throw new OutsideRoot(path)
    const inside = { real, root: roots[0] as string, at }
    if (remember) this.#trusted.set(path, inside)
    return inside
  }
}

/**
 * Opens one file by its path, for tools that were given it by the operator.
 *
 * @throws StorageFailed when it is not there or cannot be read
 */
export async function openFile(path: string): Promise<StoredObject> {
  const object = await new FileStore(dirname(path)).open(basename(path))
  if (object === undefined) throw new StorageFailed(path, new Error('there is no such file'))
  return object
}

/** What a file was opened by, and where it lies. */
interface FileNames {
  readonly key: string
  readonly path: string
  readonly place: FilePlace | undefined
}

/** True for an object that is a file of the local disk, read as it is. */
export function isOnDisk(object: StoredObject): boolean {
  return object instanceof OpenFile
}

/** An open file; the handle keeps the bytes alive when the file is removed or replaced. */
class OpenFile implements StoredObject {
  readonly key: string
  readonly size: number
  readonly modifiedMs: number
  readonly inode: string
  readonly place?: FilePlace
  readonly #file: FileHandle
  readonly #path: string
  #closed = false

  constructor(file: FileHandle, { key, path, place }: FileNames, identity: Identity) {
    this.#file = file
    this.#path = path
    this.key = key
    if (place !== undefined) this.place = place
    this.size = identity.size
    this.modifiedMs = identity.modifiedMs
    this.inode = identity.inode
  }

  stream(range: ByteRange): Readable {
    this.#closed = true
    return new FileStream(this.#file, this.#path, range)
  }

  async bytes(range: ByteRange): Promise<Buffer> {
    const buffer = Buffer.allocUnsafe(range.end - range.start)
    let filled = 0
    while (filled < buffer.length) {
      const rest = buffer.length - filled
      const { bytesRead } = await this.#file.read(buffer, filled, rest, range.start + filled)
      if (bytesRead === 0) throw new ShortRead(this.#path, range.start + filled, range.end)
      filled += bytesRead
    }
    return buffer
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await this.#file.close()
  }
}

function identityOf(stats: { size: number; mtimeMs: number; ino: number }): Identity {
  return { size: stats.size, modifiedMs: stats.mtimeMs, inode: String(stats.ino) }
}

/** The place of what lies below the folder of the store; undefined for what a link has led to elsewhere. */
function placeOf({ real, root }: Inside, name = ''): FilePlace | undefined {
  if (!isBelow(real, root)) return undefined
  return { root, path: relative(root, join(real, name)).split(sep).join('/') }
}

function isBelow(path: string, root: string): boolean {
  return path === root || path.startsWith(root.endsWith(sep) ? root : root + sep)
}

function outsideAsUndefined(error: unknown): undefined {
  if (!(error instanceof OutsideRoot)) throw error
}

async function absentAsUndefined<T>(work: Promise<T>, path: string): Promise<T | undefined> {
  try {
    return await work
  } catch (error) {
    if (ABSENT.has((error as NodeJS.ErrnoException).code ?? '')) return undefined
    throw new StorageFailed(path, error)
  }
}
