/** What a client asks one server, of whatever kind it is. */
import type { RemoteAsset } from './remote-asset.ts'

/** How an asset is asked for. */
export interface AssetName {
  /** Alias or digest. */
  readonly genome: string
  readonly asset: string
  /** Undefined for the default tag; `latest` for the one that was published last, at servers that know it. */
  readonly tag?: string
}

/** What to list; everything is optional and must hold together. */
export interface ListQuery {
  /** Alias or digest. */
  readonly genome?: string
  readonly asset?: string
  /** Words that must all occur in a name, alias, digest or description. */
  readonly words?: string
}

/** An archived asset in a list. */
export interface ListedAsset {
  /** Address of the server that lists it. */
  readonly server: string
  readonly genome: {
    readonly digest: string
    readonly aliases: readonly string[]
    /** Undefined where lists do not tell it. */
    readonly description?: string
  }
  readonly asset: string
  readonly tag: string
  readonly isDefault: boolean
  readonly description?: string
  /** hex; empty where nobody has computed it. */
  readonly assetDigest: string
  readonly archive: {
    /** hex */
    readonly md5: string
    /** hex; undefined where it is not told. */
    readonly sha256?: string
    /** Bytes; undefined where only {@link sizeText} is told. */
    readonly size?: number
    /** For people, such as `12.83 KB`. */
    readonly sizeText: string
  }
}

/** One server. Every method throws RemoteFailed when the server fails. */
export interface ServerCatalogue {
  /** Its address, without a slash at the end. */
  readonly server: string

  /**
   * The asset of a name.
   *
   * @throws NotInCatalogue with the names that come near; RemoteFailed with the fault `gone` for what was withdrawn
   */
  asset(name: AssetName): Promise<RemoteAsset>

  /**
   * Asks for many assets at once, where that is less work than one by one; what it finds out is used by {@link asset}. Nothing need be called before.
   */
  prepare(names: readonly AssetName[]): Promise<void>

  /** The names of what has this digest: md5 or sha256 of an archive, or digest of an asset, in hex; undefined when nothing has. */
  named(digest: string): Promise<Required<AssetName> | undefined>

  /** Everything that is archived and matches. */
  list(query: ListQuery): AsyncIterable<ListedAsset>

  /** Where the archive of an asset is at this server; nobody has looked whether it is there. */
  archiveUrl(asset: Pick<RemoteAsset, 'genome' | 'asset' | 'tag' | 'archive'>): string
}
