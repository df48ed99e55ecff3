/** Writes into a folder as into any store: whole or not at all, and under conditions that hold between processes. */
import { link, mkdir, open, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { StorageWriteFailed } from '../domain/errors.ts'
import { flushFolder } from './replace-file.ts'
import type { StoredObject } from './store.ts'
import {
  PART_SIZE,
  type PartCheck,
  type Sent,
  type StoreWriter,
  type WriteCondition,
} from './store-writer.ts'

// A lock is held for the time of a rename; one that is older belongs to a process that was killed.
const STALE_MS = 10_000
const LOOK_MS = 20

let counter = 0

/** Writes below a folder. */
export class FolderWriter implements StoreWriter {
  readonly #root: string

  /** @param root - absolute path */
  constructor(root: string) {
    this.#root = root
  }

  async put(key: string, content: Buffer | string, condition?: WriteCondition): Promise<boolean> {
    const path = join(this.#root, key)
    return this.#writing(path, async temporary => {
      const file = await open(temporary, 'wx')
      try {
        await file.writeFile(content)
        await file.sync()
      } finally {
        await file.close()
      }
      if (condition === undefined) await rename(temporary, path)
      else if ('absent' in condition) return linked(temporary, path)
      else return renamedIf(temporary, path, condition.state)
      return true
    })
  }

  async upload(key: string, source: StoredObject, check: PartCheck): Promise<Sent> {
    const path = join(this.#root, key)
    await this.#writing(path, async temporary => {
      const file = await open(temporary, 'wx')
      try {
        for (let start = 0; start < source.size; start += PART_SIZE) {
          const part = await source.bytes({ start, end: Math.min(start + PART_SIZE, source.size) })
          await check(part, start)
          await file.write(part, 0, part.length, start)
        }
        await file.sync()
      } finally {
        await file.close()
      }
      await rename(temporary, path)
    })
    return { sent: source.size, kept: 0 }
  }

  /** Lends a temporary name beside a path; nothing is left under it. Errors of the file system name the path. */
  async #writing<T>(path: string, write: (temporary: string) => Promise<T>): Promise<T> {
    counter += 1
    const temporary = `${path}.${process.pid}-${counter}.part`
    try {
      await mkdir(dirname(path), { recursive: true })
      const result = await write(temporary)
      await flushFolder(dirname(path))
      return result
    } catch (error) {
      if ((error as NodeJS.ErrnoException).syscall === undefined) throw error
      throw new StorageWriteFailed(path, error)
    } finally {
      await rm(temporary, { force: true }).catch(() => {})
    }
  }
}

/** Gives a file its name unless it is taken: a link fails where a rename would replace. */
async function linked(temporary: string, path: string): Promise<boolean> {
  try {
    await link(temporary, path)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

/** Replaces a file that is in a given state still. */
async function renamedIf(temporary: string, path: string, state: string): Promise<boolean> {
  const unlock = await locked(`${path}.lock`)
  try {
    const stats = await stat(path).catch(() => undefined)
    if (String(stats?.ino) !== state) return false
    await rename(temporary, path)
    return true
  } finally {
    await unlock()
  }
}

async function locked(path: string): Promise<() => Promise<void>> {
  for (;;) {
    try {
      const file = await open(path, 'wx')
      await file.close()
      return () => rm(path, { force: true })
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
      const stats = await stat(path).catch(() => undefined)
      const old = stats !== undefined && Date.now() - stats.mtimeMs > STALE_MS
      if (old) await rm(path, { force: true })
      else await wait(LOOK_MS)
    }
  }
}
