/** The rows of a manifest: archives with what is needed to fetch and to check them, and what every row must fulfil. */
import { isMd5, isSha256 } from './digest.ts'
import { RefdepotError } from './errors.ts'
import { parseRegistryPath } from './registry-path.ts'

/** One archive. */
export interface ManifestRow {
  /** `genome/asset:tag`; undefined for files that are no assets (manifests of other tools). */
  readonly registryPath?: string
  /** hex; a row has at least one of the two digests. */
  readonly md5?: string
  readonly sha256?: string
  /** Bytes. */
  readonly size: number
  /** Name under which it is saved: no path. */
  readonly fileName: string
  /** Where it can be fetched, the address to prefer first; mostly none: then the server is asked. */
  readonly urls: readonly string[]
  /** Columns that mean nothing here, kept as they are. */
  readonly extra: Readonly<Record<string, string>>
}

/** Archives to be fetched together; never empty, and no two rows have one name. */
export interface Manifest {
  readonly rows: readonly ManifestRow[]
}

/** Thrown for what is no manifest, and for a manifest that cannot be written in a format. Names the line where there is one. */
export class ManifestInvalid extends RefdepotError {
  readonly code = 'manifest-invalid'

  constructor(reason: string) {
    super(`the manifest cannot be used: ${reason}`)
  }
}

/** Thrown when a server keeps no manifests of others. */
export class ManifestsOff extends RefdepotError {
  readonly code = 'manifests-off'

  constructor() {
    super('this server keeps no manifests; its operator may allow them with --manifests token')
  }
}

/** What is known of an archive. */
export interface KnownArchive {
  readonly registryPath: string
  /** hex */
  readonly md5: string
  /** hex */
  readonly sha256?: string | undefined
  /** Bytes. */
  readonly size: number
  readonly urls: readonly string[]
}

/** An archive as a row that is to be checked. */
export function textsOf({ registryPath, md5, sha256 = '', size, urls }: KnownArchive): RowTexts {
  const texts = { registry_path: registryPath, md5, sha256, size: String(size) }
  return { place: registryPath, texts: new Map(Object.entries(texts)), urls }
}

/** Texts of a row by the name of their column, before they are checked. */
export interface RowTexts {
  /** How messages name the row: `line 7`. */
  readonly place: string
  readonly texts: ReadonlyMap<string, string>
  readonly urls: readonly string[]
}

/** Columns that mean something; all others are kept as they are. */
export const KNOWN_COLUMNS = [
  'registry_path',
  'md5',
  'sha256',
  'size',
  'file_name',
  'urls',
] as const

/** Names that other tools give these columns (ICGC's portal, lists of files). */
const OTHER_NAMES: Readonly<Record<string, string>> = {
  md5_sum: 'md5',
  file_size: 'size',
  bytes: 'size',
  url: 'urls',
}

/** Rows that a manifest may have: 10 MB hold about 60,000. */
export const MOST_ROWS = 100_000
const MOST_URLS = 20
const LONGEST_URL = 2048
const LONGEST_EXTRA = 1000
// What file systems take, in bytes.
const LONGEST_NAME = 255
const LONGEST_PATH = 500

/** The name of a column as it is used here. */
export function columnNamed(name: string): string {
  const plain = name.trim()
  return Object.hasOwn(OTHER_NAMES, plain) ? (OTHER_NAMES[plain] as string) : plain
}

/** True for text that could do harm in a terminal, in a file name or in a format of lines: control characters, line ends, lone surrogates. */
export function hasControls(text: string): boolean {
  return /[\p{Cc}\p{Cs}\u2028\u2029]/u.test(text)
}

/**
 * Name under which the archive of a registry path is saved: told apart by genome too, which the name in the archive folder is not.
 */
function fileNameOf(registryPath: string): string {
  return `${registryPath.replace(/[/:]/g, '__')}.tgz`
}

/**
 * A checked manifest.
 *
 * @throws ManifestInvalid when there is no row, or too many of them, or two that mean the same file or asset
 */
export function manifestOf(rows: Iterable<RowTexts>): Manifest {
  const places = new Map<string, string>()
  const unique = (kind: string, name: string, place: string) => {
    const key = `${kind} ${name.normalize('NFC')}`
    const before = places.get(key)
    if (before !== undefined) {
      throw new ManifestInvalid(`${place} has the same ${kind} as ${before}: '${name}'`)
    }
    places.set(key, place)
  }
  const checked: ManifestRow[] = []
  for (const texts of rows) {
    if (checked.length === MOST_ROWS) {
      throw new ManifestInvalid(`it has more rows than ${MOST_ROWS}; ${MOST_ROWS} are allowed`)
    }
    const row = rowOf(texts)
    unique('file name', row.fileName, texts.place)
    if (row.registryPath !== undefined) unique('registry path', row.registryPath, texts.place)
    checked.push(row)
  }
  if (checked.length === 0) throw new ManifestInvalid('it has no rows')
  return { rows: checked }
}

/** One checked row. */
function rowOf(texts: RowTexts): ManifestRow {
  const registryPath = pathOf(texts)
  const [md5, sha256] = [digestOf(texts, 'md5', isMd5), digestOf(texts, 'sha256', isSha256)]
  if (md5 === undefined && sha256 === undefined) {
    throw wrong(texts, 'it has no digest; give md5 or sha256')
  }
  return {
    ...(registryPath !== undefined && { registryPath }),
    ...(md5 !== undefined && { md5 }),
    ...(sha256 !== undefined && { sha256 }),
    size: sizeOf(texts),
    fileName: nameOf(texts, registryPath),
    urls: urlsOf(texts),
    extra: extraOf(texts),
  }
}

function wrong({ place }: RowTexts, reason: string): ManifestInvalid {
  return new ManifestInvalid(`${place}: ${reason}`)
}

function given({ texts }: RowTexts, column: string): string | undefined {
  return texts.get(column) || undefined
}

function pathOf(texts: RowTexts): string | undefined {
  const path = given(texts, 'registry_path')
  if (path === undefined) return undefined
  const parsed = path.length > LONGEST_PATH ? undefined : parseRegistryPath(path)
  if (parsed?.genome !== undefined && parsed.seekKey === undefined) return path
  throw wrong(texts, `registry_path ${shown(path)} is not of the form genome/asset:tag`)
}

function digestOf(
  texts: RowTexts,
  column: 'md5' | 'sha256',
  isDigest: (text: string) => boolean,
): string | undefined {
  const digest = given(texts, column)?.toLowerCase()
  if (digest === undefined || isDigest(digest)) return digest
  const length = column === 'md5' ? 32 : 64
  throw wrong(texts, `${column} ${shown(digest)} is not ${length} hexadecimal digits`)
}

function sizeOf(texts: RowTexts): number {
  const size = given(texts, 'size') ?? ''
  if (/^\d{1,15}$/.test(size)) return Number(size)
  throw wrong(texts, `size ${shown(size)} is not a number of bytes`)
}

/** A file name, never a path: a manifest may come from anybody. */
function nameOf(texts: RowTexts, registryPath: string | undefined): string {
  const name = given(texts, 'file_name') ?? (registryPath && fileNameOf(registryPath))
  if (name === undefined) throw wrong(texts, 'it has no file_name')
  const isPath = /[/\\]/.test(name) || name === '.' || name === '..'
  if (isPath || hasControls(name) || Buffer.byteLength(name) > LONGEST_NAME) {
    const allowed = `give a name without / and \\, without control characters, up to ${LONGEST_NAME} bytes`
    throw wrong(texts, `file_name ${shown(name)} is not allowed; ${allowed}`)
  }
  return name
}

/** Addresses are passed on to others: one with a password in it would tell it to all of them. */
function urlsOf(texts: RowTexts): string[] {
  const { urls } = texts
  if (urls.length > MOST_URLS) throw wrong(texts, `it has more than ${MOST_URLS} urls`)
  for (const url of urls) {
    const isFine = /^https?:\/\/[^\s/@?#]+(?:[/?#]\S*)?$/i.test(url) && URL.canParse(url)
    if (!isFine || hasControls(url) || url.length > LONGEST_URL) {
      throw wrong(
        texts,
        `${shown(withoutUser(url))} is not an http or https URL without user and password`,
      )
    }
  }
  return [...urls]
}

function withoutUser(url: string): string {
  return url.replace(/\/\/[^/]*@/, '//')
}

function extraOf(texts: RowTexts): Record<string, string> {
  const known: ReadonlySet<string> = new Set(KNOWN_COLUMNS)
  const extra = [...texts.texts].filter(([name, text]) => !known.has(name) && text !== '')
  for (const [name, text] of extra) {
    if (hasControls(text) || text.length > LONGEST_EXTRA) {
      throw wrong(
        texts,
        `${shown(name)} has control characters or more than ${LONGEST_EXTRA} characters`,
      )
    }
  }
  return Object.fromEntries(extra)
}

/** A text of somebody else in a message: short, and without what a terminal would obey. */
export function shown(text: string): string {
  const plain = text.replace(/[\p{Cc}\p{Cs}\u2028\u2029]/gu, '?')
  return `'${plain.length > 60 ? `${plain.slice(0, 60)}…` : plain}'`
}
