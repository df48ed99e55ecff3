/** Manifests as tables: a line of column names, then a line an archive, with tabs between the cells. */
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

// Columns of the ICGC storage client, which goes by position: what its portal writes above them differs.
const ICGC_COLUMNS = [
  'repo_code',
  'file_id',
  'object_id',
  'file_format',
  'file_name',
  'size',
  'md5',
  'index_object_id',
  'donor_id',
  'project_id',
  'study',
]
const ICGC_BEGIN = ICGC_COLUMNS.slice(0, 3).join('\t')
const LONGEST_LINE = 65_536
const MOST_COLUMNS = 100
const LONGEST_COLUMN = 100

/**
 * The rows of a table, one after the other: there may be very many. Empty lines, and lines that begin with `#`, are left out; the order of the columns is free, further columns are kept.
 *
 * @throws ManifestInvalid naming the line
 */
export function* rowsOfTable(text: string): Generator<RowTexts> {
  let columns: readonly string[] | undefined
  for (const [line, number] of linesOf(text)) {
    if (columns === undefined) {
      columns = columnsIn(line, number)
      continue
    }
    const cells = line.split('\t').map(cell => cell.trim())
    if (cells.length !== columns.length) {
      const counts = `${cells.length} columns, the first line has ${columns.length}`
      throw new ManifestInvalid(`line ${number} has ${counts}`)
    }
    const texts = new Map(columns.map((column, i) => [column, cells[i] as string]))
    const urls = (texts.get('urls') ?? '').split(/[ |]+/).filter(Boolean)
    yield { place: `line ${number}`, texts, urls }
  }
  if (columns === undefined) throw new ManifestInvalid('it is empty')
}

/** Lines that count, with their number. */
function* linesOf(text: string): Generator<[string, number]> {
  let number = 0
  for (const whole of text.split('\n')) {
    number += 1
    const line = whole.endsWith('\r') ? whole.slice(0, -1) : whole
    if (line.length > LONGEST_LINE) {
      throw new ManifestInvalid(`line ${number} has more than ${LONGEST_LINE} characters`)
    }
    if (line.trim() !== '' && !line.startsWith('#')) yield [line, number]
  }
}

function columnsIn(line: string, number: number): string[] {
  const names = line.split('\t').map(columnNamed)
  if (names.length === ICGC_COLUMNS.length && names.join('\t').startsWith(`${ICGC_BEGIN}\t`)) {
    return ICGC_COLUMNS
  }
  const at = `line ${number}`
  if (names.length > MOST_COLUMNS) {
    throw new ManifestInvalid(`${at} has more than ${MOST_COLUMNS} columns`)
  }
  for (const [i, name] of names.entries()) {
    if (name === '' || name.length > LONGEST_COLUMN || hasControls(name)) {
      throw new ManifestInvalid(`${at}: ${shown(name)} is no name of a column`)
    }
    if (names.indexOf(name) !== i) {
      throw new ManifestInvalid(`${at} names the column '${name}' twice`)
    }
  }
  const hasName = names.includes('file_name') || names.includes('registry_path')
  const hasDigest = names.includes('md5') || names.includes('sha256')
  if (hasName && hasDigest && names.includes('size')) return names
  const wanted = 'size, md5 or sha256, and registry_path or file_name, with tabs between'
  throw new ManifestInvalid(`${at} does not name the columns ${wanted}`)
}

/** A manifest as a table. */
export function tableOf({ rows }: Manifest): string {
  const extra = [...new Set(rows.flatMap(row => Object.keys(row.extra)))]
  const cells = (row: ManifestRow) => [
    row.registryPath ?? '',
    row.md5 ?? '',
    row.sha256 ?? '',
    String(row.size),
    row.fileName,
    row.urls.join(' '),
    ...extra.map(name => row.extra[name] ?? ''),
  ]
  const lines = [[...KNOWN_COLUMNS, ...extra], ...rows.map(cells)]
  return lines.map(line => `${line.join('\t')}\n`).join('')
}
