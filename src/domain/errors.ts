/**
 * The errors of the domain: plain classes with a stable `code` and the fields a caller needs.
 *
 * They know nothing of HTTP or exit codes: `http/errors.ts` and `cli/exit-codes.ts` hold those two tables.
 */

/** Stable names of everything that can go wrong; part of the interface (problem bodies, `docs/errors.md`). */
export type ErrorCode =
  | 'unknown-genome'
  | 'unknown-asset'
  | 'unknown-tag'
  | 'unknown-seek-key'
  | 'unknown-archive'
  | 'unknown-file'
  | 'invalid-parameter'
  | 'archive-missing'
  | 'login-required'
  | 'forbidden'
  | 'token-exists'
  | 'unknown-token'
  | 'scope-invalid'
  | 'link-invalid'
  | 'link-expired'
  | 'too-many-requests'
  | 'issuer-unreachable'
  | 'state-unavailable'
  | 'archive-damaged'
  | 'archive-replaced'
  | 'digest-pending'
  | 'storage-failed'
  | 'storage-write-failed'
  | 'config-locked'
  | 'outside-root'
  | 'short-read'
  | 'source-refused'
  | 'source-changed'
  | 'asset-incomplete'
  | 'disk-full'
  | 'push-refused'
  | 'push-damaged'
  | 'push-conflict'
  | 'tag-immutable'
  | 'withdrawn'
  | 'withdrawal-refused'
  | 'provenance-missing'
  | 'release-refused'
  | 'unknown-release'
  | 'upload-refused'
  | 'upload-incomplete'
  | 'unknown-upload'
  | 'uploads-off'
  | 'upload-failed'
  | 'server-refused'
  | 'server-unreachable'
  | 'remote-missing'
  | 'digest-mismatch'
  | 'pull-refused'
  | 'usage-invalid'
  | 'manifest-invalid'
  | 'unknown-manifest'
  | 'manifests-off'
  | 'unknown-parts'
  | 'bundle-refused'
  | 'bundle-damaged'
  | 'lock-refused'
  | 'dataset-refused'
  | 'dataset-missing'
  | 'dataset-damaged'
  | 'config-invalid'
  | 'config-unreadable'
  | 'setting-invalid'

/** What every error of refdepot is: a message for people, a `code` for programs. */
export abstract class RefdepotError extends Error {
  abstract readonly code: ErrorCode

  override get name(): string {
    return this.constructor.name
  }
}

/** Thrown when a genome, asset, tag, seek key, archive or file is asked for that the catalogue does not hold. */
export class NotInCatalogue extends RefdepotError {
  readonly code: ErrorCode
  /** What was asked for, as typed by the caller. */
  readonly asked: string

  constructor(code: Extract<ErrorCode, `unknown-${string}`>, asked: string, message: string) {
    super(message)
    this.code = code
    this.asked = asked
  }
}

/** Thrown when a parameter of a request cannot be understood. */
export class InvalidParameter extends RefdepotError {
  readonly code = 'invalid-parameter'
  /** Name of the parameter. */
  readonly parameter: string

  constructor(parameter: string, message: string) {
    super(message)
    this.parameter = parameter
  }
}

/** Thrown when the catalogue lists an archive whose file is not in the archive folder. */
export class ArchiveMissing extends RefdepotError {
  readonly code = 'archive-missing'
  /** Registry path of the archive. */
  readonly registryPath: string

  constructor(registryPath: string) {
    super(`the archive file of ${registryPath} is not in the archive folder; tell the operator`)
    this.registryPath = registryPath
  }
}

/** Thrown instead of sending bytes that are known not to match the digest of the config. */
export class ArchiveDamaged extends RefdepotError {
  readonly code = 'archive-damaged'
  /** Registry path of the archive. */
  readonly registryPath: string

  constructor(registryPath: string) {
    super(
      `the archive of ${registryPath} does not match its digest and is not sent; the operator must restore it`,
    )
    this.registryPath = registryPath
  }
}

/** Thrown when an archive is asked for by a digest whose bytes were repacked: the same files are in another archive now. */
export class ArchiveReplaced extends RefdepotError {
  readonly code = 'archive-replaced'
  /** md5 of the archive that took its place. */
  readonly replacedBy: string

  constructor(digest: string, replacedBy: string) {
    super(
      `the archive ${digest} was repacked; the same files are in the archive ${replacedBy}, at /archives/${replacedBy}`,
    )
    this.replacedBy = replacedBy
  }
}

/** Thrown when digests are asked for that are still being computed. */
export class DigestPending extends RefdepotError {
  readonly code = 'digest-pending'
  /** Seconds after which asking again makes sense. */
  readonly retryAfter: number

  constructor(registryPath: string, retryAfter: number) {
    super(
      `the digests of ${registryPath} are still being computed; ask again in ${retryAfter} seconds`,
    )
    this.retryAfter = retryAfter
  }
}

/** Thrown when a store fails (permission, input/output error): never to be mistaken for "not there". */
export class StorageFailed extends RefdepotError {
  readonly code = 'storage-failed'
  /** The path or key that could not be read. */
  readonly path: string

  constructor(path: string, cause: unknown) {
    super(`cannot read ${path}: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    })
    this.path = path
  }
}

// What an operator can do about answers of the kernel.
const ADVICE: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full; free some space',
  EDQUOT: 'the quota is used up; free some space',
  EROFS: 'the file system is read-only',
  EACCES: 'no permission; run it as a user who may write there',
  EPERM: 'no permission; run it as a user who may write there',
}

/** Thrown when something cannot be written; what was there before is untouched. */
export class StorageWriteFailed extends RefdepotError {
  readonly code = 'storage-write-failed'
  readonly path: string

  constructor(path: string, cause: unknown) {
    const { code = '', message } = cause as NodeJS.ErrnoException
    super(`cannot write ${path}: ${ADVICE[code] ?? message}`, { cause })
    this.path = path
  }
}

/** Thrown when a path, once its links are resolved, lies outside the folders that may be served. */
export class OutsideRoot extends RefdepotError {
  readonly code = 'outside-root'
  /** The path as asked for. */
  readonly path: string

  constructor(path: string) {
    super(`${path} leads out of the archive folder; allow its target with --allow-root`)
    this.path = path
  }
}

/** Thrown when a file ends before the bytes that were promised: it shrank while it was read. */
export class ShortRead extends RefdepotError {
  readonly code = 'short-read'
  /** The path that shrank. */
  readonly path: string

  constructor(path: string, offset: number, end: number) {
    super(`${path} ended at byte ${offset}, but ${end} bytes were promised: it changed while read`)
    this.path = path
  }
}
