/** Manifests as JSON. The form that is written is also the one that manifests are named by: the same rows give the same bytes. */
import {
  columnNamed,
  hasControls,
  KNOWN_COLUMNS,
  type Manifest,
  ManifestInvalid,
  type ManifestRow,
  type RowTexts,
  shown,
} from './manifest-row.ts'
import { byCodePoint } from './text-order.ts'

const FORMAT = 'refdepot-manifest'
const VERSION = 1
const MOST_COLUMNS = 100
const LONGEST_COLUMN = 100

type Fields = Readonly<Record<string, unknown>>

/**
 * The rows of a JSON text: an object with `rows`, or the list of them.
 *
 * @throws ManifestInvalid naming the row, counted from 1
 */
export function rowsOfJson(text: string): RowTexts[] {
  const value = parsed(text)
  if (Array.isArray(value)) return value.map(rowOf)
  const { format = FORMAT, version = VERSION, rows } = value as Fields
  if (format !== FORMAT || version !== VERSION || !Array.isArray(rows)) {
    const wanted = `an object with "format": "${FORMAT}", "version": ${VERSION} and a list "rows"`
    throw new ManifestInvalid(`its JSON is not ${wanted}`)
  }
  return rows.map(rowOf)
}

function parsed(text: string): object {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new ManifestInvalid(`it is no JSON: ${(error as Error).message}`)
  }
}

function rowOf(value: unknown, i: number): RowTexts {
  const place = `row ${i + 1}`
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new ManifestInvalid(`${place} is no object`)
  }
  const fields = Object.entries(value)
  if (fields.length > MOST_COLUMNS) {
    throw new ManifestInvalid(`${place} has more than ${MOST_COLUMNS} members`)
  }
  const texts = new Map<string, string>()
  let urls: string[] = []
  for (const [given, it] of fields) {
    const name = columnNamed(given)
    if (name === '' || name.length > LONGEST_COLUMN || hasControls(name)) {
      throw new ManifestInvalid(`${place}: ${shown(name)} is no name of a member`)
    }
    if (texts.has(name)) throw new ManifestInvalid(`${place} has '${name}' twice`)
    if (name === 'urls') urls = urlsIn(it, place)
    texts.set(name, name === 'urls' ? '' : textOf(it, name, place))
  }
  return { place, texts, urls }
}

function urlsIn(value: unknown, place: string): string[] {
  const urls = value === null ? [] : [value].flat()
  if (urls.every(url => typeof url === 'string')) return urls
  throw new ManifestInvalid(`${place}: urls is no list of texts`)
}

function textOf(value: unknown, name: string, place: string): string {
  if (value === null) return ''
  if (['string', 'number', 'boolean'].includes(typeof value)) return String(value).trim()
  throw new ManifestInvalid(`${place}: ${shown(name)} is no text and no number`)
}

/** A manifest as JSON, one row a line; the same rows give the same bytes, whatever form they came in. */
export function jsonOf({ rows }: Manifest): string {
  const lines = rows.map(row => JSON.stringify(fieldsOf(row)))
  return `{"format":"${FORMAT}","version":${VERSION},"rows":[\n${lines.join(',\n')}\n]}\n`
}

function fieldsOf(row: ManifestRow): Fields {
  const known = [row.registryPath, row.md5, row.sha256, row.size, row.fileName, row.urls]
  const extra = Object.entries(row.extra).sort(([a], [b]) => byCodePoint(a, b))
  return Object.fromEntries([
    ...KNOWN_COLUMNS.map((name, i) => [name, known[i]]).filter(([, it]) => it !== undefined),
    ...extra,
  ])
}
