/**
 * A slower store with a cache of its objects on the local disk.
 *
 * What never changes is fetched once, by one request for all that want it, compared with its digests, and kept within a budget; bytes are given
 * to readers only after they were compared. What may change is asked for each time; while the store cannot be reached, the last
 * answer counts.
 */
import { createHash } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { rm } from 'node:fs/promises'
import { PassThrough, type Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { StorageFailed } from '../domain/errors.ts'
import type { CacheEntry } from './cache-entry.ts'
import type { CacheFolder } from './cache-folder.ts'
import { CachedObject, type PieceSource } from './cached-object.ts'
import { FetchQueue } from './fetch-queue.ts'
import { FileStore } from './file-store.ts'
import { LastAnswers } from './last-answers.ts'
import { memoryObject } from './memory-object.ts'
import type { Identity, Listed, Store, StoredObject } from './store.ts'

/** How an object is to be kept. */
export type CacheKind =
  /** It never changes: it is kept, and compared with its proof first. */
  | 'fixed'
  /** As `fixed`, but it may be replaced by another state that is as good: it is looked after from time to time. */
  | 'settled'
  /** It is small and may change: it is asked for each time. */
  | 'changing'
  /** It is not kept. */
  | 'passing'

/** What an object must be made of. */
export interface Proof {
  /** sha256 of pieces of this size; without it only the whole can be compared. */
  readonly pieces?: { readonly size: number; readonly sha256: readonly string[] }
  /** True for a whole object that was fetched into a file. */
  accepts(whole: { readonly path: string; readonly md5: string }): boolean | Promise<boolean>
}

/** What is known of the objects of a store. */
export interface CacheRules {
  kindOf(key: string): CacheKind
  /** @param read - the content of another, small object of the store */
  proofOf(
    key: string,
    identity: Identity,
    read: (key: string) => Promise<Buffer | undefined>,
  ): Promise<Proof>
}

// Each holds a piece in memory.
const FETCHES = 8
const SETTLED_MS = 60_000

/** See the head of this file. */
export class CachingStore implements Store {
  readonly #origin: Store
  readonly #folder: CacheFolder
  readonly #rules: CacheRules
  readonly #files: FileStore
  readonly #last: LastAnswers
  readonly #fetches = new FetchQueue<Buffer | undefined>(FETCHES)
  readonly #proofs = new WeakMap<CacheEntry, Proof>()
  readonly #lookedAt = new WeakMap<CacheEntry, number>()
  readonly #onProblem: (error: unknown) => void
  readonly #settledMs: number

  /** @param onProblem - told when something cannot be kept; it is served all the same where it can be */
  constructor(
    origin: Store,
    folder: CacheFolder,
    rules: CacheRules,
    onProblem: (error: unknown) => void = () => {},
    settledMs = SETTLED_MS,
  ) {
    this.#settledMs = settledMs
    this.#origin = origin
    this.#folder = folder
    this.#rules = rules
    this.#files = new FileStore(folder.path)
    this.#last = new LastAnswers(folder.path)
    this.#onProblem = onProblem
  }

  async open(key: string): Promise<StoredObject | undefined> {
    const kind = this.#rules.kindOf(key)
    if (kind === 'passing') return this.#origin.open(key)
    if (kind === 'changing') {
      const answer = await this.#last.ask(key, this.#origin)
      return answer && memoryObject(key, answer.content, answer.identity)
    }
    const entry = await this.#entryOf(key, kind)
    if (entry === undefined) return undefined
    await entry.touch()
    const whole = entry.isComplete ? await this.#files.open(entry.dataName) : undefined
    if (whole?.size === entry.shape.size) return keptObject(whole, entry)
    await whole?.close()
    return new CachedObject(entry, this.#sourceOf(entry))
  }

  async identify(key: string): Promise<Identity | undefined> {
    const kind = this.#rules.kindOf(key)
    if (kind === 'passing') return this.#origin.identify(key)
    if (kind === 'changing') return (await this.#last.ask(key, this.#origin))?.identity
    const known = (await this.#known(key, kind))?.shape ?? (await this.#origin.identify(key))
    return known && { size: known.size, modifiedMs: known.modifiedMs, inode: known.inode }
  }

  list(folder: string): Promise<Listed[]> {
    return this.#last.list(folder, this.#origin)
  }

  /** Writes down what is here, for the next start. */
  close(): Promise<void> {
    return this.#folder.close()
  }

  /** What is here of a fixed object, or the place for it; undefined when the store has none. */
  async #entryOf(key: string, kind: CacheKind): Promise<CacheEntry | undefined> {
    const known = await this.#known(key, kind)
    if (known !== undefined) return known
    const identity = await this.#origin.identify(key)
    if (identity === undefined) return undefined
    const proof = await this.#proof(key, identity)
    const pieceSize = proof.pieces?.size ?? Math.max(1, identity.size)
    const entry = await this.#folder.make({ ...identity, key, pieceSize })
    this.#proofs.set(entry, proof)
    return entry
  }

  /** What is here of an object, unless the origin has it in another state by now. */
  async #known(key: string, kind: CacheKind): Promise<CacheEntry | undefined> {
    const known = this.#folder.find(key)
    if (known === undefined || kind !== 'settled') return known
    if (Date.now() - (this.#lookedAt.get(known) ?? 0) < this.#settledMs) return known
    try {
      const now = await this.#origin.identify(key)
      if (now?.size !== known.shape.size || now.inode !== known.shape.inode) return undefined
      this.#lookedAt.set(known, Date.now())
      return known
    } catch {
      // Without the origin what is here is as good as it was.
      return known
    }
  }

  #proof(key: string, identity: Identity): Promise<Proof> {
    return this.#rules.proofOf(key, identity, async other => {
      const object = await this.open(other)
      return object?.bytes({ start: 0, end: object.size }).finally(() => object.close())
    })
  }

  #sourceOf(entry: CacheEntry): PieceSource {
    return {
      fetch: piece => this.#fetch(entry, piece),
      lost: () => this.#folder.drop(entry),
    }
  }

  /** A piece that is not here: compared and kept; its bytes, unless it is here now as a part of the whole. */
  async #fetch(entry: CacheEntry, piece: number): Promise<Buffer | undefined> {
    const { key } = entry.shape
    const proof = this.#proofs.get(entry) ?? (await this.#proof(key, entry.shape))
    this.#proofs.set(entry, proof)
    const { pieces } = proof
    if (pieces === undefined || pieces.size !== entry.shape.pieceSize) {
      return this.#fetches.once(key, () => this.#fetchWhole(entry, proof))
    }
    return this.#fetches.once(`${key} ${piece}`, () =>
      this.#fetchPiece(entry, piece, pieces.sha256[piece]),
    )
  }

  async #fetchPiece(entry: CacheEntry, piece: number, wanted?: string): Promise<Buffer> {
    const { key } = entry.shape
    const range = entry.rangeOf(piece)
    // What is damaged on the way comes right the second time; what is damaged there does not.
    for (const isLast of [false, true]) {
      const object = await this.#opened(entry)
      const hash = createHash('sha256')
      const chunks: Buffer[] = []
      for await (const chunk of object.stream(range)) {
        hash.update(chunk)
        chunks.push(chunk)
      }
      const content = Buffer.concat(chunks)
      if (hash.digest('hex') === wanted) {
        await this.#keep(entry, piece, content)
        return content
      }
      if (isLast) break
    }
    throw new StorageFailed(
      key,
      new Error(`bytes ${range.start} to ${range.end} do not match their digest at the origin`),
    )
  }

  async #keep(entry: CacheEntry, piece: number, content: Buffer): Promise<void> {
    if (entry.isGone) return
    const write = () => entry.write(piece, content)
    const room = () => this.#folder.withRoom(content.length, write)
    await this.#inUse(entry, room).catch(this.#onProblem)
  }

  /** Does something with an entry that must not make room for others meanwhile. */
  async #inUse<T>(entry: CacheEntry, work: () => Promise<T>): Promise<T> {
    entry.users += 1
    try {
      return await work()
    } finally {
      entry.users -= 1
      await entry.rest().catch(this.#onProblem)
    }
  }

  async #fetchWhole(entry: CacheEntry, proof: Proof): Promise<undefined> {
    const { key, size } = entry.shape
    const take = () => this.#takeWhole(entry, proof)
    if (!(await this.#inUse(entry, () => this.#folder.withRoom(size, take)))) {
      const reason = `its ${size} bytes can be compared as a whole only, and do not fit the cache; give it more room`
      throw new StorageFailed(key, new Error(reason))
    }
  }

  /** Fetches an object into a file, compares it, and takes it over. */
  async #takeWhole(entry: CacheEntry, proof: Proof): Promise<void> {
    const { key, size } = entry.shape
    const path = this.#folder.partOf(entry)
    try {
      const object = await this.#opened(entry)
      const hash = createHash('md5')
      const through = new PassThrough()
      through.on('data', chunk => hash.update(chunk))
      const source: Readable = object.stream({ start: 0, end: size })
      await pipeline(source, through, createWriteStream(path, { flush: true }))
      if (!(await proof.accepts({ path, md5: hash.digest('hex') }))) {
        throw new StorageFailed(key, new Error('what the origin has does not match its digest'))
      }
      await entry.adopt(path)
    } finally {
      await rm(path, { force: true })
    }
  }

  /** The object at the origin in the state that is kept here. */
  async #opened(entry: CacheEntry): Promise<StoredObject> {
    const { key, size, inode } = entry.shape
    const object = await this.#origin.open(key)
    if (object !== undefined && object.size === size && object.inode === inode) return object
    await object?.close()
    await this.#folder.drop(entry)
    throw new StorageFailed(key, new Error('the origin has another object of this name now'))
  }
}

/** A whole object in the cache, read as any file: once it is open, it may be removed. */
function keptObject(file: StoredObject, { shape }: CacheEntry): StoredObject {
  return {
    key: shape.key,
    size: shape.size,
    modifiedMs: shape.modifiedMs,
    inode: shape.inode,
    stream: range => file.stream(range),
    bytes: range => file.bytes(range),
    close: () => file.close(),
  }
}
