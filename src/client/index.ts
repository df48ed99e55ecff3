/**
 * `refdepot/client`: the engine of the command line for programs. docs/client-library.md shows how it is used.
 *
 * What stands here is the interface: it changes with the major version only.
 */
import { resolve } from 'node:path'
import { readGenomeConfig } from '../config/genome-config.ts'
import { Credentials } from '../transfer/credentials.ts'
import { downloadFile as download } from '../transfer/download-file.ts'
import { Network, type NetworkOptions } from '../transfer/network.ts'
import type { RemoteFile } from '../transfer/remote-file.ts'
import type { TransferEvent, TransferSummary } from '../transfer/transfer-options.ts'
import { openTarget } from './open-target.ts'
import { pullAssets } from './pull.ts'
import type { PullEvent, PullSummary } from './pull-events.ts'
import { pullFiles } from './pull-files.ts'
import type { Layout } from './pull-target.ts'
import type { RemoteAsset } from './remote-asset.ts'
import { RemoteCatalogue } from './remote-catalogue.ts'
import type { AssetName, ListedAsset, ListQuery } from './server-catalogue.ts'
import { findWanted, type WantedAssets } from './wanted.ts'

export { DiskFull } from '../domain/archiving-errors.ts'
export {
  type ErrorCode,
  NotInCatalogue,
  RefdepotError,
  StorageWriteFailed,
} from '../domain/errors.ts'
export type { ManifestRow } from '../domain/manifest-row.ts'
export {
  DigestMismatch,
  PullRefused,
  RemoteFailed,
  type RemoteFault,
  UsageInvalid,
} from '../domain/transfer-errors.ts'
export type { PartHashes, RemoteFile } from '../transfer/remote-file.ts'
export type { TransferEvent, TransferSummary } from '../transfer/transfer-options.ts'
export type { PullDone, PullEvent, PullSummary } from './pull-events.ts'
export type { Layout } from './pull-target.ts'
export type { RemoteAsset } from './remote-asset.ts'
export type { AssetName, ListedAsset, ListQuery } from './server-catalogue.ts'

/** How servers are reached. */
export interface ConnectOptions {
  /** A token for the first server; it is sent nowhere else. */
  readonly token?: string
  /** Files with certificates (PEM) of private authorities. */
  readonly caFiles?: readonly string[]
  /** Attempts after the first one. Default 8. */
  readonly retries?: number
  /** Seconds until an answer begins. Default 60. */
  readonly timeout?: number
  /** Servers that bytes may come from, but nothing else is believed. */
  readonly mirrors?: readonly string[]
  /** Takes what is worth telling, such as that one of several servers cannot be reached. */
  readonly onNote?: (text: string) => void
}

/** Where assets are put: a genome config of refgenie 0.4, or a folder. */
export type PullPlace =
  | { readonly config: string; readonly folder?: undefined; readonly layout?: undefined }
  | { readonly folder: string; readonly layout?: Layout; readonly config?: undefined }

/** What is pulled, and how. */
export type PullRequest = WantedAssets &
  PullPlace & {
    /** Keep the archives (.tgz) as they are. */
    readonly archive?: boolean
    /** Only these files of each asset, by seek key or path; straight into the folder. */
    readonly only?: readonly string[]
    /** Fetch again what is there, and replace what is in its place. */
    readonly force?: boolean
    /** Connections at a time. Default 10. */
    readonly jobs?: number
    /** Fetch from all places at once, not from the next one when one fails. */
    readonly race?: boolean
    readonly signal?: AbortSignal
    readonly onEvent?: (event: PullEvent) => void
  }

/** How a single file is downloaded. */
export interface DownloadOptions {
  readonly jobs?: number
  readonly race?: boolean
  readonly signal?: AbortSignal
  readonly onEvent?: (event: TransferEvent) => void
}

/** Connections to servers, and what they have. */
export class Client {
  readonly #network: Network
  readonly #servers: readonly string[]
  readonly #catalogue: RemoteCatalogue

  /**
   * @param servers - addresses of refdepots or refgenieservers, the one to believe first
   * @throws PullRefused without any server, or when certificates cannot be read
   */
  constructor(servers: string | readonly string[], options: ConnectOptions = {}) {
    this.#servers = [servers].flat().map(withoutSlash)
    const { mirrors = [], onNote } = options
    this.#network = new Network(networkOptions(this.#servers[0], options))
    this.#catalogue = new RemoteCatalogue({
      network: this.#network,
      servers: this.#servers,
      mirrors: mirrors.map(withoutSlash),
      ...(onNote && { note: onNote }),
    })
  }

  /**
   * Everything of one asset: registry path (`hg38/fasta:default`), digest (md5 or sha256 of an archive, or digest of an asset), or names.
   *
   * @throws NotInCatalogue, RemoteFailed, PullRefused
   */
  resolve(wanted: string | AssetName): Promise<RemoteAsset> {
    return this.#catalogue.resolve(wanted)
  }

  /**
   * What the servers have.
   *
   * @throws NotInCatalogue for a genome that is not there; RemoteFailed
   */
  list(query: ListQuery = {}): AsyncIterable<ListedAsset> {
    return this.#catalogue.list(query)
  }

  /**
   * Pulls assets into a place. Everything that may be wrong is found out before a byte moves; what fails for one asset then does not stop the others.
   *
   * @throws NotInCatalogue, RemoteFailed, PullRefused, DiskFull, ConfigUnreadable, ConfigInvalid before anything is fetched; the reason of the signal
   */
  async pull(request: PullRequest): Promise<PullSummary> {
    const { config, folder, only, archive = false, force = false, jobs, race } = request
    const { signal, onEvent } = request
    const found = await findWanted(this.#catalogue, request)
    const items = only === undefined ? found : found.map(item => ({ ...item, only }))
    const options = {
      network: this.#network,
      folder:
        config === undefined ? resolve(folder) : (await readGenomeConfig(config)).genomeFolder,
      archive,
      force,
      ...(jobs !== undefined && { jobs }),
      ...(race !== undefined && { race }),
      ...(signal && { signal }),
      ...(onEvent && { onEvent }),
    }
    if (items.some(item => item.only !== undefined)) return pullFiles(items, options)
    const place = config === undefined ? { folder, layout: request.layout ?? 'flat' } : { config }
    const target = await openTarget(place, {
      archive,
      force,
      servers: this.#servers,
      ...(signal && { signal }),
    })
    return pullAssets(items, { ...options, target })
  }

  /**
   * Downloads any file whose size and digest are known: parts in parallel, resumed, compared, then renamed into place.
   *
   * @param target - path; what is there stays until the new file is complete
   * @throws RemoteFailed, DigestMismatch, StorageWriteFailed
   */
  downloadFile(
    file: RemoteFile,
    target: string,
    options: DownloadOptions = {},
  ): Promise<TransferSummary> {
    return download(file, resolve(target), { ...options, network: this.#network })
  }

  /** Closes the connections that are kept open. */
  async close(): Promise<void> {
    await this.#network.close()
  }
}

function networkOptions(first: string | undefined, options: ConnectOptions): NetworkOptions {
  const { token, caFiles, retries, timeout } = options
  return {
    ...(token !== undefined &&
      first !== undefined && { credentials: new Credentials({ [first]: token }) }),
    ...(caFiles && { caFiles }),
    ...(retries !== undefined && { retries }),
    ...(timeout !== undefined && { answerMs: timeout * 1000 }),
  }
}

function withoutSlash(url: string): string {
  return url.replace(/\/+$/, '')
}
