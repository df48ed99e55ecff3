/** Objects of a slower store on the local disk, within a budget of bytes: what was not used for longest goes first. */
import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, rm, stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { StorageWriteFailed } from '../domain/errors.ts'
import { CacheEntry, type EntryFacts, type EntryShape } from './cache-entry.ts'

// Files that nothing names may belong to a server that has just made them.
const ORPHAN_MS = 3600_000
const OWN_FILE = /^[0-9a-f]{40}\.(?:[0-9a-f]{12}\.data|[0-9a-f]{12}\.part)$/

/** A folder that keeps what was fetched. */
export class CacheFolder {
  /** Absolute path. */
  readonly path: string
  /** Bytes that it may hold. */
  readonly budget: number
  /** In the order of their last use. */
  readonly #entries = new Map<string, CacheEntry>()
  /** Bytes that were let in and are not here yet. */
  #promised = 0

  private constructor(path: string, budget: number) {
    this.path = path
    this.budget = budget
  }

  /**
   * Opens the folder, and makes it when it is not there.
   *
   * @param budget - bytes that it may hold
   * @throws StorageWriteFailed
   */
  static async open(path: string, budget: number): Promise<CacheFolder> {
    const folder = new CacheFolder(resolve(path), budget)
    try {
      await mkdir(folder.path, { recursive: true })
      await folder.#load()
    } catch (error) {
      throw new StorageWriteFailed(folder.path, error)
    }
    await folder.withRoom(0, async () => {})
    return folder
  }

  /** Bytes that are here. */
  get bytes(): number {
    let sum = 0
    for (const entry of this.#entries.values()) sum += entry.bytes
    return sum
  }

  /** What is here of an object; undefined for nothing. */
  find(key: string): CacheEntry | undefined {
    const entry = this.#entries.get(key)
    if (entry === undefined) return undefined
    this.#entries.delete(key)
    this.#entries.set(key, entry)
    return entry
  }

  /** A place for an object, in the place of what was here of it in another state. */
  async make(shape: EntryShape): Promise<CacheEntry> {
    const before = this.find(shape.key)
    if (before !== undefined && isSame(before.shape, shape)) return before
    const entry = new CacheEntry(this.path, idOf(shape.key), shape)
    this.#entries.set(shape.key, entry)
    await before?.remove()
    return entry
  }

  /** Forgets an object. */
  async drop(entry: CacheEntry): Promise<void> {
    this.#forget(entry)
    await entry.remove()
  }

  /**
   * Brings so many bytes here, in the place of what was not used for longest. Until `bring` is over, the room for them is nobody else's.
   * Throws as `bring`, and errors of the file system.
   *
   * @returns false when there is no room, because too much is in use or on its way: nothing is removed and `bring` does not run
   */
  async withRoom(bytes: number, bring: () => Promise<void>): Promise<boolean> {
    const oldest = this.#oldestUntil(this.budget - this.#promised - bytes)
    if (oldest === undefined) return false
    // Without a pause since the look: two that ask at once must not get the same room.
    this.#promised += bytes
    for (const entry of oldest) this.#forget(entry)
    try {
      for (const entry of oldest) await entry.remove()
      await bring()
      return true
    } finally {
      this.#promised -= bytes
    }
  }

  /** What must go until no more than so many bytes are here; undefined when that cannot be, because they are in use. */
  #oldestUntil(bytes: number): CacheEntry[] | undefined {
    const oldest: CacheEntry[] = []
    let held = this.bytes
    for (const entry of this.#entries.values()) {
      if (held <= bytes) break
      if (entry.users > 0) continue
      held -= entry.bytes
      oldest.push(entry)
    }
    return held <= bytes ? oldest : undefined
  }

  /** Nobody finds it any more, and nothing of it is written down. */
  #forget(entry: CacheEntry): void {
    if (this.#entries.get(entry.shape.key) === entry) this.#entries.delete(entry.shape.key)
    entry.isGone = true
  }

  /** A name in the folder for something that is being fetched. */
  partOf(entry: CacheEntry): string {
    return join(this.path, entry.dataName.replace(/\.data$/, '.part'))
  }

  /** Writes down what is here. */
  async close(): Promise<void> {
    for (const entry of this.#entries.values()) await entry.rest()
  }

  async #load(): Promise<void> {
    const names = await readdir(this.path)
    const found: { entry: CacheEntry; usedAt: number }[] = []
    for (const name of names.filter(it => /^[0-9a-f]{40}\.json$/.test(it))) {
      const path = join(this.path, name)
      const facts = await factsIn(path)
      if (facts === undefined || idOf(facts.key) !== name.slice(0, 40)) await rm(path)
      else {
        const { mtimeMs: usedAt } = await stat(path)
        found.push({ entry: new CacheEntry(this.path, idOf(facts.key), facts, facts), usedAt })
      }
    }
    found.sort((a, b) => a.usedAt - b.usedAt)
    for (const { entry } of found) this.#entries.set(entry.shape.key, entry)
    await this.#removeOrphans(names)
  }

  async #removeOrphans(names: readonly string[]): Promise<void> {
    const named = new Set([...this.#entries.values()].map(entry => entry.dataName))
    for (const name of names.filter(it => OWN_FILE.test(it) && !named.has(it))) {
      const { mtimeMs } = await stat(join(this.path, name))
      if (Date.now() - mtimeMs > ORPHAN_MS) await rm(join(this.path, name), { force: true })
    }
  }
}

/** Keys come from other servers: they are no names of files. */
function idOf(key: string): string {
  return createHash('sha256').update(key).digest('hex').slice(0, 40)
}

function isSame(a: EntryShape, b: EntryShape): boolean {
  return a.size === b.size && a.inode === b.inode && a.pieceSize === b.pieceSize
}

async function factsIn(path: string): Promise<EntryFacts | undefined> {
  try {
    const facts = JSON.parse(await readFile(path, 'utf8')) as EntryFacts
    const sound =
      facts.format === 1 &&
      [facts.size, facts.pieceSize].every(it => Number.isSafeInteger(it) && it >= 0) &&
      facts.pieceSize > 0 &&
      [facts.key, facts.data, facts.present, facts.inode].every(it => typeof it === 'string') &&
      OWN_FILE.test(facts.data)
    return sound ? facts : undefined
  } catch {
    return undefined
  }
}
