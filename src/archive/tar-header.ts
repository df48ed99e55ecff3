/**
 * The header of one tar entry.
 *
 * Written here and not by a library: archives are re-headed while they are served, so the same entry must give the same bytes
 * for ever. POSIX.1-2017 ustar, with a pax record where ustar has no room: long or non-ASCII names, files of 8 GiB and more.
 */

/** Tar counts in records of so many bytes. */
const TAR_RECORD = 512

/** What ends a tar: two empty records. */
export const TAR_END_LENGTH = 2 * TAR_RECORD

/** One entry of a tar. */
export interface TarEntry {
  /** With `/`; folders without a slash at the end. */
  readonly path: string
  readonly type: 'file' | 'folder' | 'link'
  /** Bytes of content; 0 for folders and links. */
  readonly size: number
  /** True for files that may be run. */
  readonly executable?: boolean
  /** Where a link leads, relative to its folder. */
  readonly target?: string
}

// 2000-01-01T00:00:00Z: the same for every file; GNU tar warns of times around 1970.
const MODIFIED = 946_684_800
const LARGEST_USTAR_SIZE = 8 * 1024 ** 3 - 1
const LONGEST_NAME = 100
const TYPE_FLAG = { file: '0', folder: '5', link: '2' } as const

/** The records before the content of an entry: a whole number of {@link TAR_RECORD} bytes. */
export function tarHeader(entry: TarEntry): Buffer {
  const name = entry.type === 'folder' ? `${entry.path}/` : entry.path
  const target = entry.target ?? ''
  const records: [string, string][] = []
  if (!fits(name)) records.push(['path', name])
  if (!fits(target)) records.push(['linkpath', target])
  if (entry.size > LARGEST_USTAR_SIZE) records.push(['size', String(entry.size)])
  const own = record({
    name,
    target,
    size: Math.min(entry.size, LARGEST_USTAR_SIZE),
    mode: modeOf(entry),
    flag: TYPE_FLAG[entry.type],
  })
  if (records.length === 0) return own
  const body = Buffer.concat(records.map(([key, value]) => paxRecord(key, value)))
  const head = record({ name: 'PaxHeader', target: '', size: body.length, mode: 0o644, flag: 'x' })
  return Buffer.concat([head, body, Buffer.alloc(paddingOf(body.length)), own])
}

/** Zero bytes that fill up the last record of a content of so many bytes. */
export function paddingOf(size: number): number {
  return (TAR_RECORD - (size % TAR_RECORD)) % TAR_RECORD
}

function fits(text: string): boolean {
  return text.length <= LONGEST_NAME && /^[\x20-\x7e]*$/.test(text)
}

function modeOf(entry: TarEntry): number {
  if (entry.type === 'link') return 0o777
  return entry.type === 'folder' || entry.executable === true ? 0o755 : 0o644
}

/** A pax record tells its own length in decimal digits, which count too. */
function paxRecord(key: string, value: string): Buffer {
  const rest = Buffer.byteLength(` ${key}=${value}\n`)
  let length = rest + String(rest).length
  if (rest + String(length).length !== length) length = rest + String(length).length
  return Buffer.from(`${length} ${key}=${value}\n`)
}

interface UstarFields {
  readonly name: string
  readonly target: string
  readonly size: number
  readonly mode: number
  readonly flag: string
}

function record(fields: UstarFields): Buffer {
  const header = Buffer.alloc(TAR_RECORD)
  writeName(header, fields.name, 0)
  writeOctal(header, fields.mode, 100, 8)
  writeOctal(header, 0, 108, 8)
  writeOctal(header, 0, 116, 8)
  writeOctal(header, fields.size, 124, 12)
  writeOctal(header, MODIFIED, 136, 12)
  header.fill(' ', 148, 156)
  header.write(fields.flag, 156)
  writeName(header, fields.target, 157)
  header.write('ustar\x0000', 257, 'latin1')
  writeOctal(header, 0, 329, 8)
  writeOctal(header, 0, 337, 8)
  const sum = header.reduce((total, byte) => total + byte, 0)
  // Six digits, NUL, blank: the form of the checksum that every reader takes.
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  return header
}

/** For readers without pax a long name is cut; the pax record has it whole. */
function writeName(header: Buffer, text: string, offset: number): void {
  Buffer.from(text).copy(header, offset, 0, LONGEST_NAME)
}

function writeOctal(header: Buffer, value: number, offset: number, width: number): void {
  header.write(`${value.toString(8).padStart(width - 1, '0')}\0`, offset, 'latin1')
}
