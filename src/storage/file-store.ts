/** A folder of the local disk as a store; nothing outside its roots can be reached, links resolved. */
import { constants } from 'node:fs'
import { type FileHandle, open, readdir, realpath, stat } from 'node:fs/promises'
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from 'node:path'
import type { Readable } from 'node:stream'
import { OutsideRoot, ShortRead, StorageFailed } from '../domain/errors.ts'
import { byCodePoint } from '../domain/text-order.ts'
import { FileStream } from './file-stream.ts'
import type { ByteRange, Identity, Listed, Store, StoredObject } from './store.ts'

// Answers of the kernel that mean "there is no such file"; everything else is a failure of the store.
const ABSENT = new Set(['ENOENT', 'ENOTDIR', 'ENAMETOOLONG'])

// A folder that was found to lie inside the roots is believed for this long: one realpath a second, not one a request.
const TRUST_MS = 1000

/** A folder of the local disk as a store. */
export class FileStore implements Store {
  /** Absolute path of the folder. */
  readonly root: string
  readonly #allowed: readonly string[]
  readonly #trusted = new Map<string, number>()

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
    const file = await this.#openInside(path)
    if (file === undefined) return undefined
    try {
      const stats = await file.stat()
      if (stats.isFile()) return new OpenFile(file, key, path, identityOf(stats))
    } catch (error) {
      await file.close()
      throw new StorageFailed(path, error)
    }
    await file.close()
    return undefined
  }

  async identify(key: string): Promise<Identity | undefined> {
    const path = this.pathOf(key)
    const stats = await absentAsUndefined(stat(path), path)
    if (stats?.isFile() !== true) return undefined
    await this.#mustBeInside(path)
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
  async #openInside(path: string): Promise<FileHandle | undefined> {
    try {
      await this.#mustBeInside(dirname(path), true)
      // NONBLOCK: opening a named pipe must not wait for a writer for ever.
      return await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code ?? ''
      if (ABSENT.has(code)) return undefined
      if (error instanceof OutsideRoot || error instanceof StorageFailed) throw error
      if (code !== 'ELOOP') throw new StorageFailed(path, error)
    }
    const target = await this.#mustBeInside(path)
    if (target === undefined) return undefined
    return absentAsUndefined(
      open(target, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK),
      path,
    )
  }

  /** The real path, when it lies in a root; undefined when nothing is there. */
  async #mustBeInside(path: string, remember = false): Promise<string | undefined> {
    const now = performance.now()
    if (remember && now - (this.#trusted.get(path) ?? Number.NEGATIVE_INFINITY) < TRUST_MS) {
      return path
    }
    const real = await absentAsUndefined(realpath(path), path)
    if (real === undefined) return undefined
    const roots = await Promise.all(
      [this.root, ...this.#allowed].map(root => realpath(root).catch(() => root)),
    )
    if (!roots.some(root => isBelow(real, root))) throw new OutsideRoot(path)
    if (remember) this.#trusted.set(path, now)
    return real
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
  readonly #file: FileHandle
  readonly #path: string
  #closed = false

  constructor(file: FileHandle, key: string, path: string, identity: Identity) {
    this.#file = file
    this.#path = path
    this.key = key
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
