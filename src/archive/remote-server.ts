/**
 * Another server (refdepot or refgenieserver) as a published store: its catalogue as a generation, its archives under the keys they would have
 * in a bucket. Only what everybody may see there can be seen here: no credentials are sent.
 */
import { createHash } from 'node:crypto'
import type { RawConfig, RawTag } from '../config/genome-config-schema.ts'
import { rawConfigIn } from '../config/raw-config.ts'
import { formatGenomeConfig } from '../config/write-genome-config.ts'
import { isMd5 } from '../domain/digest.ts'
import { StorageFailed } from '../domain/errors.ts'
import { memoryObject } from '../storage/memory-object.ts'
import type { Identity, Listed, Store, StoredObject } from '../storage/store.ts'
import { INDEX_SUFFIX } from './member-index.ts'
import { CURRENT_KEY, currentText, generationKey } from './published.ts'
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
const PARALLEL = 8

/** See the head of this file. */
export class RemoteServer implements Store {
  readonly #base: string
  readonly #refreshMs: number
  /** Digests of alias-named archives, by URL of the attributes: they never change for an archive. */
  readonly #legacy = new Map<string, string>()
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
    const url = `${this.#base}/_private_api/genomes/dict`
    const text = (await contentAt(url))?.toString('utf8')
    if (text === undefined) {
      const reason = 'it is no refdepot and no refgenieserver: it has no list of genomes'
      throw new StorageFailed(this.#base, new Error(reason))
    }
    const config: RawConfig = { ...rawConfigIn(`{"genomes": ${text}}`, url), config_version: '0.4' }
    const urls = await this.#urlsOf(config)
    const yaml = formatGenomeConfig(config)
    // Equal catalogues are the same generation, also after a restart.
    const generation = Number.parseInt(sha256(yaml).slice(0, 12), 16)
    this.#askedAt = Date.now()
    this.#last = { generation, text: yaml, urls }
    return this.#last
  }

  /** Where everything of a catalogue is; notes the digests of alias-named archives in it. */
  async #urlsOf(config: RawConfig): Promise<Map<string, string>> {
    const urls = new Map<string, string>()
    const work: (() => Promise<void>)[] = []
    for (const [digest, genome] of Object.entries(config.genomes ?? {})) {
      const alias = genome?.aliases?.[0] ?? digest
      for (const [asset, { tags }] of Object.entries(genome?.assets ?? {}).map(named)) {
        for (const [tag, attributes] of Object.entries(tags ?? {})) {
          const names = { genome: digest, alias, asset, tag }
          if (attributes !== null) work.push(() => this.#addTag(urls, names, attributes))
        }
      }
    }
    await Promise.all(
      Array.from({ length: PARALLEL }, async () => {
        for (let add = work.shift(); add !== undefined; add = work.shift()) await add()
      }),
    )
    return urls
  }

  async #addTag(urls: Map<string, string>, names: TagNames, tag: RawTag): Promise<void> {
    const md5 = tag.archive_digest ?? ''
    if (!isMd5(md5)) return
    const name = `${names.asset}__${names.tag}`
    const [genome, alias, asset] = [names.genome, names.alias, names.asset].map(encodeURIComponent)
    const query = `?tag=${encodeURIComponent(names.tag)}`
    const v3 = (what: string) => `${this.#base}/v3/assets/${what}/${genome}/${asset}${query}`
    urls.set(`archives/${md5}/${name}.tgz`, v3('archive'))
    urls.set(`archives/${md5}/${name}.tgz${INDEX_SUFFIX}`, `${this.#base}/archives/${md5}/index`)
    urls.set(`archives/${md5}/build_log_${name}.md`, v3('log'))
    urls.set(`archives/${md5}/build_recipe_${name}.json`, v3('recipe'))
    urls.set(`archives/${md5}/asset_dir_contents_${name}.json`, v3('dir_contents'))
    const v2 = `${this.#base}/v2/asset/${alias}/${asset}`
    const legacy = await this.#legacyDigest(`${v2}${query}`, md5)
    if (legacy === md5) return
    tag.legacy_archive_digest = legacy
    urls.set(`archives/${legacy}/${name}.tgz`, `${v2}/archive${query}`)
  }

  /** The digest that API v2 names; the one of the stored archive when it names none. */
  async #legacyDigest(url: string, md5: string): Promise<string> {
    const known = this.#legacy.get(`${url} ${md5}`)
    if (known !== undefined) return known
    const text = await contentAt(url)
    const named = text === undefined ? undefined : JSON.parse(text.toString('utf8')).archive_digest
    const digest = typeof named === 'string' && isMd5(named) ? named : md5
    this.#legacy.set(`${url} ${md5}`, digest)
    return digest
  }

  async #small(key: string, url: string): Promise<StoredObject | undefined> {
    const content = await contentAt(url)
    return content && memoryObject(key, content, { modifiedMs: 0, inode: sha256(content) })
  }
}

interface TagNames {
  readonly genome: string
  readonly alias: string
  readonly asset: string
  readonly tag: string
}

function named<T>([name, value]: [string, T | null]): [string, NonNullable<T> | { tags?: null }] {
  return [name, value ?? {}]
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
