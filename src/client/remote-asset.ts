/** An asset as a server tells of it: everything that is needed to fetch it and to write it into a genome folder. */
import type { RawTag } from '../config/genome-config-schema.ts'

/** See the head of this file. */
export interface RemoteAsset {
  /** Address of the server that told it. */
  readonly server: string
  /** `alias/asset:tag`, with the alias that was asked for; the digest of the genome when it has none. */
  readonly registryPath: string
  readonly genome: {
    /** Digest of the genome. */
    readonly digest: string
    readonly aliases: readonly string[]
    readonly description?: string
  }
  readonly asset: {
    readonly name: string
    readonly description?: string
    /** Name of the default tag of the asset there. */
    readonly defaultTag: string
  }
  readonly tag: string
  /** Attributes of the tag as they stand in a genome config: seek keys, digests, sizes, relatives. */
  readonly attributes: RawTag
  /** Asset digests of the parents, by registry path (`digest/asset:tag`), as far as the server told them. */
  readonly parentDigests?: Readonly<Record<string, string>>
  readonly archive: {
    /** hex */
    readonly md5: string
    /** hex; undefined at servers that do not tell it. */
    readonly sha256?: string
    /** Bytes. */
    readonly size: number
    /** False where the server has no indexes at all. Elsewhere archives of other tools have none: that is told when the index is asked for. */
    readonly indexed: boolean
    /** Addresses of the archive at this and other servers. */
    readonly urls: readonly string[]
  }
}
