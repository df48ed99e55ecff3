/**
 * Another server (refdepot or refgenieserver) as a published store: its catalogue as a generation, its archives under the keys they would have
 * in a bucket. Only what everybody may see there can be seen here: no credentials are sent.
 */
import { createHash } from 'node:crypto'
import { formatGenomeConfig } from '../config/write-genome-config.ts'
import { StorageFailed } from '../domain/errors.ts'
import { memoryObject } from '../storage/memory-object.ts'
import type { Identity, Listed, Store, StoredObject } from '../storage/store.ts'
import { CURRENT_KEY, currentText, generationKey } from './published.ts'
import { type LegacyDigests, readListing } from './remote-listing.ts'
import { contentAt, identityAt, remoteObject } from './remote-requests.ts'

/** What a remote server publishes at a moment. */
interface RemoteCatalogue {
  readonly generation: number
  readonly text: string
  /** Key in a published store → URL there. */
  readonly urls: ReadonlyMap<string, string>
}

// The whole catalogue is asked for each time: not more often than this.
const REFRESH_MS = 60_000

/** See the head of this file. */
export class RemoteServer implements Store {
  readonly #base: string
  readonly #refreshMs: number
  readonly #legacy: LegacyDigests = new Map()
  #catalogue: Promise<RemoteCatalogue> | undefined
  #askedAt = 0
  #last: RemoteCatalogue | undefined

  /** @param url - address of the server, where `/v3/…` lies below */
  constructor(url: string, refreshMs = REFRESH_MS) {
    this.#base = url.replace(/\/+$/, '')
    this.#refreshMs = refreshMs
  }

  async open(key: string): Promise<StoredObject | undefined> {
    const catalogue = await this.#current(key)
    const made = madeObject(key, catalogue)
    if (made !== undefined) return made
    const url = catalogue.urls.get(key)
    if (url === undefined) return undefined
    if (!key.endsWith('.tgz')) return this.#small(key, url)
    const identity = await identityAt(url)
    return identity && remoteObject(key, url, identity)
  }

  async identify(key: string): Promise<Identity | undefined> {
    const object = await this.open(key)
    await object?.close()
    return object && { size: object.size, modifiedMs: object.modifiedMs, inode: object.inode }
  }

  /** Nothing of a published store is found by listing. */
  async list(): Promise<Listed[]> {
    return []
  }

  /** The catalogue, asked for anew with the pointer to the generation; other keys take the last one. */
  async #current(key: string): Promise<RemoteCatalogue> {
    const isDue = key === CURRENT_KEY && Date.now() - this.#askedAt >= this.#refreshMs
    if (!isDue && this.#last !== undefined) return this.#last
    this.#catalogue ??= this.#read().finally(() => {
      this.#catalogue = undefined
    })
    return this.#catalogue
  }

  async #read(): Promise<RemoteCatalogue> {
    const listing = await readListing(this.#base, { contentAt, legacy: this.#legacy })
    if (listing === undefined) {
      const reason = 'it is no refdepot and no refgenieserver: it has no list of genomes'
      throw new StorageFailed(this.#base, new Error(reason))
    }
    const yaml = formatGenomeConfig(listing.config)
    // Equal catalogues are the same generation, also after a restart.
    const generation = Number.parseInt(sha256(yaml).slice(0, 12), 16)
    this.#askedAt = Date.now()
    this.#last = { generation, text: yaml, urls: listing.urls }
    return this.#last
  }

  async #small(key: string, url: string): Promise<StoredObject | undefined> {
    const content = await contentAt(url)
    return content && memoryObject(key, content, { modifiedMs: 0, inode: sha256(content) })
  }
}

/** The pointer and the generation, which are made here. */
function madeObject(key: string, catalogue: RemoteCatalogue): StoredObject | undefined {
  const { generation, text } = catalogue
  const made = (content: string) =>
    memoryObject(key, Buffer.from(content), { modifiedMs: 0, inode: sha256(content) })
  if (key === CURRENT_KEY) return made(currentText(generation, 0))
  return key === generationKey(generation) ? made(text) : undefined
}

function sha256(content: string | Buffer): string {
  return createHash('sha256').update(content).digest('hex')
}
