/** What is fetched: bytes whose size and digests are known before, and where they are. */

import type { HashAlgorithm } from './hash-file.ts'

/** Hashes of the parts of a file, as `/archives/{digest}/parts` names them. */
export interface PartHashes {
  /** Bytes of each part but the last. */
  readonly size: number
  /** hex, in order */
  readonly sha256: readonly string[]
}

/** The digest that a file is compared by: the strongest that is known. hex */
export function comparedDigest({ digests }: RemoteFile): {
  readonly algorithm: HashAlgorithm
  readonly expected: string | undefined
} {
  const { md5, sha256 } = digests
  return sha256 === undefined
    ? { algorithm: 'md5', expected: md5 }
    : { algorithm: 'sha256', expected: sha256 }
}

/** A file at one or several servers. Sizes and digests come from a trusted place; the servers of the bytes need no trust. */
export interface RemoteFile {
  /** For messages: a registry path, or an address without its query. */
  readonly subject: string
  /** Bytes. */
  readonly size: number
  /** hex; at least one of them is there. The strongest is compared. */
  readonly digests: { readonly md5?: string; readonly sha256?: string }
  /** Undefined where the server has none: then only the whole digest tells. */
  readonly parts?: PartHashes
  /** Addresses, the one to prefer first. */
  readonly urls: readonly string[]
}
