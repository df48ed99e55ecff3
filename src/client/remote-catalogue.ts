/**
 * What several servers have, asked in their order.
 *
 * The first server that knows an asset is believed: its names, sizes and digests count. The bytes may come from every other server and mirror, since
 * they are compared with those digests.
 */
import { isMd5, isSha256 } from '../domain/digest.ts'
import { type ErrorCode, NotInCatalogue, RefdepotError } from '../domain/errors.ts'
import { parseRegistryPath } from '../domain/registry-path.ts'
import { RemoteFailed, UsageInvalid } from '../domain/transfer-errors.ts'
import type { Network } from '../transfer/network.ts'
import { DepotCatalogue } from './depot-catalogue.ts'
import { RefgenieserverCatalogue } from './refgenieserver-catalogue.ts'
import type { RemoteAsset } from './remote-asset.ts'
import type { AssetName, ListedAsset, ListQuery, ServerCatalogue } from './server-catalogue.ts'
import { kindOf } from './server-kind.ts'

/** Which servers, and what to tell. */
export interface RemoteCatalogueOptions {
  readonly network: Network
  /** Addresses, the first is asked first. */
  readonly servers: readonly string[]
  /** Servers that bytes may come from, but nothing else is believed. */
  readonly mirrors?: readonly string[]
  /** Takes what is worth telling, one sentence each: that a server cannot be reached while others can. */
  readonly note?: (text: string) => void
}

/** See the head of this file. */
export class RemoteCatalogue {
  readonly #options: RemoteCatalogueOptions
  readonly #open = new Map<string, Promise<ServerCatalogue>>()
  readonly #noted = new Set<string>()

  /** @throws UsageInvalid without any server */
  constructor(options: RemoteCatalogueOptions) {
    if (options.servers.length === 0) {
      throw new UsageInvalid(
        'no server is named; give one with --server URL or in $REFDEPOT_SERVER',
      )
    }
    this.#options = options
  }

  /**
   * The asset of a registry path with a genome (`hg38/fasta`, `hg38/fasta:v2`), of a digest (md5 or sha256 of an archive, or digest of an asset), or of a name.
   *
   * @throws NotInCatalogue when no server has it; RemoteFailed when one that might have it failed, or says that it was withdrawn; UsageInvalid when
   *   the text is no registry path
   */
  async resolve(wanted: string | AssetName): Promise<RemoteAsset> {
    const name = typeof wanted === 'string' ? nameIn(wanted) : wanted
    const asset = await this.#first(async at => {
      if (typeof name !== 'string') return at.asset(name)
      const found = await at.named(name)
      if (found !== undefined) return at.asset(found)
      const message = `there is no archive and no asset with the digest ${name} at ${at.server}`
      throw new NotInCatalogue('unknown-archive', name, message)
    })
    return { ...asset, archive: { ...asset.archive, urls: await this.#urlsOf(asset) } }
  }

  /** Gets many names ready to be resolved: of the first server, most are learned at once. Never fails: then they are asked for one by one. */
  async prepare(wanted: readonly (string | AssetName)[]): Promise<void> {
    const [first = ''] = this.#options.servers
    try {
      const names = wanted.map(one => (typeof one === 'string' ? nameIn(one) : one))
      await (await this.#at(first)).prepare(names.filter(name => typeof name !== 'string'))
    } catch (error) {
      if (!(error instanceof RefdepotError)) throw error
    }
  }

  /** Everything that matches at any server, the first server first; what a server lists under the same name again is left out. */
  async *list(query: ListQuery = {}): AsyncGenerator<ListedAsset> {
    const seen = new Set<string>()
    const failures: unknown[] = []
    for (const server of this.#options.servers) {
      try {
        for await (const listed of (await this.#at(server)).list(query)) {
          const name = `${listed.genome.digest}/${listed.asset}:${listed.tag}`
          if (!seen.has(name)) yield listed
          seen.add(name)
        }
      } catch (error) {
        this.#mayGoOn(error)
        failures.push(error)
      }
    }
    if (failures.length === this.#options.servers.length) throw worst(failures)
  }

  /** The first server's answer that knows it. */
  async #first<T>(ask: (at: ServerCatalogue) => Promise<T>): Promise<T> {
    const failures: unknown[] = []
    for (const server of this.#options.servers) {
      try {
        return await ask(await this.#at(server))
      } catch (error) {
        this.#mayGoOn(error)
        failures.push(error)
      }
    }
    throw worst(failures)
  }

  /** Tells what failed; throws what no other server can make good. */
  #mayGoOn(error: unknown): void {
    // What was withdrawn is not taken from somewhere else behind the back of its publisher.
    if (!(error instanceof RefdepotError) || (error as RemoteFailed).fault === 'gone') throw error
    if (error instanceof RemoteFailed && this.#options.servers.length > 1) this.#note(error.message)
  }

  #note(text: string): void {
    if (!this.#noted.has(text)) this.#options.note?.(text)
    this.#noted.add(text)
  }

  /** A server; what it is, is asked once, also when it cannot be reached. */
  #at(server: string): Promise<ServerCatalogue> {
    let open = this.#open.get(server)
    if (open === undefined) {
      const { network } = this.#options
      open = kindOf(server, network).then(kind =>
        kind === 'refdepot'
          ? new DepotCatalogue(server, network)
          : new RefgenieserverCatalogue(server, network),
      )
      this.#open.set(server, open)
      open.catch(() => {})
    }
    return open
  }

  /** Addresses of an archive: at its own server, then at the others and the mirrors. */
  async #urlsOf(asset: RemoteAsset): Promise<string[]> {
    const { servers, mirrors = [] } = this.#options
    const urls = new Set(asset.archive.urls)
    for (const server of new Set([...servers, ...mirrors])) {
      if (server === asset.server) continue
      try {
        urls.add((await this.#at(server)).archiveUrl(asset))
      } catch (error) {
        if (!(error instanceof RemoteFailed)) throw error
        this.#note(`nothing comes from ${server}: ${error.message}`)
      }
    }
    return [...urls]
  }
}

/** A digest as it is, or the parts of a registry path. */
function nameIn(text: string): string | AssetName {
  const digest = text.replace(/^(?:md5|sha256):/, '').toLowerCase()
  if (isMd5(digest) || isSha256(digest)) return digest
  const path = parseRegistryPath(text)
  if (path?.genome === undefined) {
    throw new UsageInvalid(
      `'${text}' is no registry path; give GENOME/ASSET or GENOME/ASSET:TAG, or the digest of an archive`,
    )
  }
  const { genome, asset, tag } = path
  return { genome, asset, ...(tag !== undefined && { tag }) }
}

// Whoever has the genome but not the asset knows better what is missing than who has neither.
const DEPTH: Partial<Record<ErrorCode, number>> = {
  'unknown-archive': 1,
  'unknown-genome': 1,
  'unknown-asset': 2,
  'unknown-tag': 3,
}

/** The error to tell: of a server that failed, since it may have had it; else of the one that came nearest. */
function worst(failures: readonly unknown[]): unknown {
  const failed = failures.find(error => !(error instanceof NotInCatalogue))
  if (failed !== undefined) return failed
  const depth = (error: unknown) => DEPTH[(error as NotInCatalogue).code] ?? 0
  return [...failures].sort((a, b) => depth(b) - depth(a))[0]
}
