/** Tables of the state. Times are milliseconds since 1970 (UTC), lists are JSON: both databases know them as numbers and texts. */

/** A token; the secret itself is nowhere. */
export interface TokenTable {
  /** Public part of the token, which also names it in links and sessions. */
  id: string
  name: string
  /** SHA-256 of the whole token, hex. */
  hash: string
  /** JSON list of scopes. */
  scopes: string
  created_at: number
  created_by: string
  expires_at: number | null
  revoked_at: number | null
  last_used_at: number | null
}

/** A browser that has logged in with a token. */
interface SessionTable {
  /** SHA-256 of the cookie, hex. */
  hash: string
  token_id: string
  created_at: number
  expires_at: number
}

/** What somebody did or was refused; rows are added, never changed. */
export interface AuditTable {
  /** Sorts by time. */
  id: string
  at: number
  actor: string
  action: string
  subject: string
  /** How often it happened up to `at`, beyond the row before. */
  times: number
  /** Undefined unless addresses are switched on. */
  address: string | null
}

/** Keys that this installation made for itself. */
interface KeyTable {
  name: string
  /** base64url. */
  value: string
  created_at: number
}

/** Archives that others send. */
export interface UploadTable {
  id: string
  state: string
  registry_path: string
  archive: string
  size: number
  created_by: string
  created_at: number
  touched_at: number
  /** The store's name of it. */
  store_upload: string
  /** What is to be published, JSON. */
  order_text: string
  reason: string | null
  generation: number | null
}

/** Manifests that others keep here. */
interface ManifestTable {
  /** SHA-256 of the content, hex. */
  id: string
  /** The manifest in its JSON form. */
  content: string
  /** Bytes of the content. */
  size: number
  created_by: string
  created_at: number
  expires_at: number
}

/** What was downloaded of an archive on a UTC day. */
interface DownloadDayTable {
  /** md5 of the archive. */
  archive: string
  /** `YYYY-MM-DD`. */
  day: string
  downloads: number
  bytes: number
}

/** The sum over all days, so that nobody has to add them up. */
interface DownloadTotalTable {
  archive: string
  downloads: number
  bytes: number
}

/** What a client has got of an archive that it has not got whole yet. */
export interface PartialDownloadTable {
  /** Keyed hash with a key of its day: it names nobody. */
  client: string
  archive: string
  view: string
  /** JSON of a `DownloadProgress`. */
  progress: string
  updated_at: number
}

/** All tables. */
export interface Tables {
  tokens: TokenTable
  sessions: SessionTable
  audit: AuditTable
  keys: KeyTable
  uploads: UploadTable
  manifests: ManifestTable
  download_days: DownloadDayTable
  download_totals: DownloadTotalTable
  partial_downloads: PartialDownloadTable
}
