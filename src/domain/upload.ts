/** Uploads: archives that others send to a server, to be published there. */
import { RefdepotError } from './errors.ts'

/** How far an upload has come. */
export type UploadState =
  /** Parts may be sent. */
  | 'open'
  /** It is complete, and is being read and compared. */
  | 'verifying'
  | 'published'
  | 'failed'

/** An upload as it is remembered. */
export interface UploadRecord {
  readonly id: string
  readonly state: UploadState
  /** Registry path of the tag, with the genome's digest. */
  readonly registryPath: string
  /** md5 of the archive. */
  readonly archive: string
  /** Bytes of the archive. */
  readonly size: number
  /** Who has begun it: nobody else may go on with it. */
  readonly createdBy: string
  readonly createdAt: Date
  /** When somebody last worked at it. */
  readonly touchedAt: Date
  /** The store's name of it; empty when the store has the archive already. */
  readonly storeUpload: string
  /** What is to be published, as it was sent (JSON). */
  readonly order: string
  /** Why it has failed. */
  readonly reason?: string
  /** In which generation it was published. */
  readonly generation?: number
}

/** What ends the work at an upload. */
export type UploadEnd =
  | { readonly state: 'published'; readonly generation: number }
  | { readonly state: 'failed'; readonly reason: string }

/** Remembers uploads, for all servers of an installation. */
export interface UploadLedger {
  add(upload: UploadRecord): Promise<void>
  byId(id: string): Promise<UploadRecord | undefined>
  /** The open upload of the same archive under the same name by the same sender, to go on with. */
  unfinished(
    of: Pick<UploadRecord, 'registryPath' | 'archive' | 'createdBy'>,
  ): Promise<UploadRecord | undefined>
  /** How many uploads somebody has open. */
  openOf(createdBy: string): Promise<number>
  /** True for the one who may compare it now: it is open, or whoever did has not been heard of since a time. */
  claim(id: string, silentSince: Date): Promise<boolean>
  /** Says that somebody works at it. */
  touch(id: string): Promise<void>
  end(id: string, end: UploadEnd): Promise<void>
  /** Makes it open again, after an attempt to end it that may be repeated. */
  reopen(id: string): Promise<void>
  /** Those that nobody has touched since a time. */
  idleSince(time: Date): Promise<UploadRecord[]>
  remove(id: string): Promise<void>
}

/** Thrown when an upload cannot be begun or ended as it was asked for. */
export class UploadRefused extends RefdepotError {
  readonly code = 'upload-refused'
  /** Registry path. */
  readonly registryPath: string

  constructor(registryPath: string, reason: string) {
    super(`the upload of ${registryPath} is refused: ${reason}`)
    this.registryPath = registryPath
  }
}

/** Thrown when parts are missing at the end of an upload. */
export class UploadIncomplete extends RefdepotError {
  readonly code = 'upload-incomplete'
  /** Numbers of the parts, from 1; the first ones of many. */
  readonly missing: readonly number[]

  constructor(registryPath: string, missing: readonly number[]) {
    const shown = missing.slice(0, 10).join(', ')
    super(`the upload of ${registryPath} is not complete: send the parts ${shown} first`)
    this.missing = missing
  }
}

/** Thrown when a server takes no uploads. */
export class UploadsOff extends RefdepotError {
  readonly code = 'uploads-off'

  constructor() {
    super('this server takes no uploads; its operator may allow them with --accept-uploads true')
  }
}

/** Thrown when an upload is named that is not there (any more), or belongs to somebody else. */
export class UnknownUpload extends RefdepotError {
  readonly code = 'unknown-upload'

  constructor(id: string) {
    super(`there is no upload '${id}' of yours; it may have been given up after a week`)
  }
}
