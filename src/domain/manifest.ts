/**
 * Manifests: lists of archives with their digests, to be fetched together. They are read as a table with tabs (also the one of the ICGC
 * storage client) or as JSON, and written in these and in the forms of other tools. What they look like: docs/manifests.md.
 */
import { jsonOf, rowsOfJson } from './manifest-json.ts'
import { type Manifest, ManifestInvalid, type ManifestRow, manifestOf } from './manifest-row.ts'
import { rowsOfTable, tableOf } from './manifest-table.ts'
import { type FilePieces, type MetalinkFile, metalinkOf } from './metalink.ts'

/** Bytes that a manifest may have. */
export const MOST_MANIFEST_BYTES = 10 * 1024 * 1024

/** What a manifest can be written as. */
export const MANIFEST_FORMATS = ['tsv', 'json', 'meta4', 'sha256', 'aria2'] as const

/** See {@link MANIFEST_FORMATS}. */
export type ManifestFormat = (typeof MANIFEST_FORMATS)[number]

/**
 * Reads a manifest: JSON, or a table by the names in its first line.
 *
 * @throws ManifestInvalid naming the line (of a table) or row (of JSON)
 */
export function parseManifest(text: string): Manifest {
  if (Buffer.byteLength(text) > MOST_MANIFEST_BYTES) {
    throw new ManifestInvalid(`it has more than ${MOST_MANIFEST_BYTES} bytes`)
  }
  const content = text.startsWith('\ufeff') ? text.slice(1) : text
  const [begin] = content.trimStart()
  if (begin === '<') {
    throw new ManifestInvalid('it is XML or a page; a table with tabs, or JSON, is wanted')
  }
  return manifestOf(begin === '{' || begin === '[' ? rowsOfJson(content) : rowsOfTable(content))
}

/**
 * Writes a manifest. The JSON form is the same for the same rows.
 *
 * @throws ManifestInvalid when a row has no sha256 (`sha256`) or no address (`meta4`, `aria2`)
 */
export function formatManifest(
  manifest: Manifest,
  format: ManifestFormat,
  pieces: PiecesByName = NO_PIECES,
): string {
  return WRITERS[format](manifest, pieces)
}

/** Hashes of the pieces of archives, by file name: only metalinks have them. */
export type PiecesByName = ReadonlyMap<string, FilePieces>

const NO_PIECES: PiecesByName = new Map()

type Writer = (manifest: Manifest, pieces: PiecesByName) => string

const WRITERS: Readonly<Record<ManifestFormat, Writer>> = {
  tsv: tableOf,
  json: jsonOf,
  meta4: ({ rows }, pieces) => metalinkOf(rows.map(row => metalinkFile(row, pieces))),
  sha256: ({ rows }) => rows.map(checksumLine).join(''),
  aria2: ({ rows }) => rows.map(aria2Entry).join(''),
}

/**
 * The manifest with an address for every asset that has none.
 *
 * @param addressOf - of the archive with a digest
 */
export function withAddresses({ rows }: Manifest, addressOf: (digest: string) => string): Manifest {
  const urlsOf = ({ registryPath, md5, sha256, urls }: ManifestRow) =>
    urls.length > 0 || registryPath === undefined ? urls : [addressOf((md5 ?? sha256) as string)]
  return { rows: rows.map(row => ({ ...row, urls: urlsOf(row) })) }
}

/** A line of `sha256sum`. */
function checksumLine({ sha256, fileName }: ManifestRow): string {
  if (sha256 !== undefined) return `${sha256}  ${fileName}\n`
  throw new ManifestInvalid(`'${fileName}' has no sha256, which this format needs`)
}

/** An entry of a file for `aria2c -i`. */
function aria2Entry(row: ManifestRow): string {
  const { urls, fileName, sha256, md5 } = fetchable(row)
  const checksum = sha256 === undefined ? `md5=${md5}` : `sha-256=${sha256}`
  return `${urls.join('\t')}\n  out=${fileName}\n  checksum=${checksum}\n`
}

function metalinkFile(row: ManifestRow, all: PiecesByName): MetalinkFile {
  const { fileName, registryPath, size, md5, sha256, urls } = fetchable(row)
  const pieces = all.get(fileName)
  return {
    name: fileName,
    size,
    ...(registryPath !== undefined && { identity: registryPath }),
    ...(md5 !== undefined && { md5 }),
    ...(sha256 !== undefined && { sha256 }),
    ...(pieces !== undefined && { pieces }),
    urls,
  }
}

function fetchable(row: ManifestRow): ManifestRow {
  if (row.urls.length > 0) return row
  const reason = `'${row.fileName}' has no address, which this format needs`
  throw new ManifestInvalid(`${reason}; make the manifest of a server (--server URL)`)
}
