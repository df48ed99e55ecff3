/** Metalink 4 (RFC 5854): what download tools such as aria2 need to fetch files from several places, and to repair single pieces of them. */

/** Hashes of the pieces of a file. */
export interface FilePieces {
  /** Bytes of each piece but the last. */
  readonly length: number
  /** hex, in order */
  readonly sha256: readonly string[]
}

/** A file that a metalink describes. */
export interface MetalinkFile {
  /** No path. */
  readonly name: string
  /** Bytes; undefined when not known. */
  readonly size?: number
  /** What it is, for people. */
  readonly identity?: string
  /** hex */
  readonly md5?: string
  readonly sha256?: string
  readonly pieces?: FilePieces
  /** The one to prefer first. */
  readonly urls: readonly string[]
}

/** Media type of a metalink. */
export const METALINK_TYPE = 'application/metalink4+xml'

/** A metalink of files. */
export function metalinkOf(files: readonly MetalinkFile[]): string {
  return [
    '<?xml version="1.0" encoding="UTF-8"?>\n',
    '<metalink xmlns="urn:ietf:params:xml:ns:metalink">\n',
    '  <generator>refdepot</generator>\n',
    ...files.map(fileElement),
    '</metalink>\n',
  ].join('')
}

function fileElement(file: MetalinkFile): string {
  const { name, identity, size, sha256, md5, pieces, urls } = file
  return [
    `  <file name="${escaped(name)}">\n`,
    element('identity', '', identity),
    element('size', '', size),
    element('hash', ' type="sha-256"', sha256),
    element('hash', ' type="md5"', md5),
    pieces === undefined ? '' : piecesElement(pieces.length, pieces.sha256),
    ...urls.map((url, i) => element('url', ` priority="${i + 1}"`, url)),
    '  </file>\n',
  ].join('')
}

function piecesElement(length: number, hashes: readonly string[]): string {
  const inside = hashes.map(hash => `      <hash>${hash}</hash>\n`).join('')
  return `    <pieces type="sha-256" length="${length}">\n${inside}    </pieces>\n`
}

function element(name: string, attributes: string, value: string | number | undefined): string {
  if (value === undefined) return ''
  return `    <${name}${attributes}>${escaped(String(value))}</${name}>\n`
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
}

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, mark => ENTITIES[mark] as string)
}
