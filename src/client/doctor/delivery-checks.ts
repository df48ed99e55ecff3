/** How a file is delivered: whole, as it is, with a length, an ETag and a digest. */
import { createHash } from 'node:crypto'
import { type Finding, fail, ok, warn } from './finding.ts'
import { FIXES } from './fixes.ts'
import type { Probe, Seen } from './probe.ts'
import type { Subjects } from './subjects.ts'

/** File that is examined. */
export type SubjectFile = NonNullable<Subjects['file']>

// Larger files are not fetched whole to compare them.
const MOST_HASHED = 16 * 1024 * 1024
const PACKED = /\.(?:gz|bgz|tgz|bam|cram|zip|zst|xz|bz2)$/i
const DIGEST_HEADERS = ['repr-digest', 'content-digest', 'digest', 'content-md5', 'x-goog-hash']

/** The findings; the first answer is there for further checks, unless it is not the file. Throws RemoteFailed. */
export async function deliveryChecks(
  file: SubjectFile,
  probe: Probe,
): Promise<{ findings: Finding[]; whole?: Seen }> {
  const whole = await probe.ask(file.url, { most: MOST_HASHED })
  const content = contentCheck(file, whole)
  const findings = [content]
  if (content.level === 'fail') return { findings }
  const packed = await probe.ask(file.url, {
    headers: { 'accept-encoding': 'gzip, deflate, br, zstd' },
  })
  const head = await probe.ask(file.url, { method: 'HEAD' })
  findings.push(
    lengthCheck(whole),
    encodingCheck(file, packed),
    headCheck(whole, head),
    etagCheck(file, whole, [packed, head]),
    digestCheck(file, whole),
  )
  return { findings, whole }
}

/** True for files whose bytes are packed already, by name or because they are archives of a server. */
function isPacked({ url, md5 }: SubjectFile): boolean {
  return md5 !== undefined || PACKED.test(new URL(url).pathname)
}

/** What arrived is a file, and an archive begins as gzip does. */
function contentCheck(file: SubjectFile, { status, headers, bytes }: Seen): Finding {
  const type = headers['content-type'] ?? 'no type'
  if (status === 401 || status === 403)
    return fail('download', `GET answers ${status}`, FIXES.token)
  if (status !== 200) return fail('download', `GET answers ${status}`, FIXES.missing)
  if (/^\s*<(?:!doctype html|html|head|body)/i.test(bytes.subarray(0, 512).toString('latin1'))) {
    return fail('download', `GET answers a page (${type})`, FIXES.html)
  }
  const gzip = isPacked(file) && !/\.(?:zip|zst|xz|bz2|cram)$/i.test(new URL(file.url).pathname)
  if (gzip && !(bytes[0] === 0x1f && bytes[1] === 0x8b)) {
    return fail('download', `the first bytes are ${hex(bytes)}, not gzip`, FIXES.notGzip)
  }
  return ok('download', `GET answers 200, ${type}${gzip ? ', gzip' : ''}`)
}

function hex(bytes: Buffer): string {
  return bytes.subarray(0, 4).toString('hex')
}

function lengthCheck({ headers }: Seen): Finding {
  const length = headers['content-length']
  return length === undefined
    ? fail('length', 'no Content-Length', FIXES.length)
    : ok('length', `Content-Length ${length}`)
}

/** An answer to somebody who takes compression. */
function encodingCheck(file: SubjectFile, { headers }: Seen): Finding {
  const coding = headers['content-encoding'] ?? 'identity'
  if (coding === 'identity') return ok('encoding', 'no Content-Encoding')
  const evidence = `Content-Encoding: ${coding}`
  return isPacked(file)
    ? fail('encoding', `${evidence} on a file that is packed already`, FIXES.encoding)
    : warn('encoding', evidence, FIXES.encoding)
}

function headCheck(whole: Seen, head: Seen): Finding {
  if (head.status !== 200) return fail('head', `HEAD answers ${head.status}`, FIXES.head)
  const names = ['content-length', 'content-type', 'etag', 'last-modified']
  const other = names.filter(name => head.headers[name] !== whole.headers[name])
  return other.length === 0
    ? ok('head', 'HEAD answers as GET')
    : fail('head', `HEAD tells another ${other.join(', ')} than GET`, FIXES.head)
}

function etagCheck({ md5 }: SubjectFile, whole: Seen, others: readonly Seen[]): Finding {
  const { etag, 'content-length': length } = whole.headers
  if (etag === undefined) return fail('etag', 'no ETag', FIXES.etag)
  if (etag.startsWith('W/')) return fail('etag', `${etag} is weak`, FIXES.etag)
  // Answers in another coding have another ETag; a HEAD that fails has none.
  const same = others.filter(
    ({ status, headers }) => status === 200 && headers['content-encoding'] === undefined,
  )
  const changed = same.find(({ headers }) => headers.etag !== etag)
  if (changed !== undefined) {
    return fail('etag', `${etag}, then ${changed.headers.etag ?? 'none'}`, FIXES.changingEtag)
  }
  // nginx and Apache put modification time and length together.
  const ofTime = new RegExp(`^"[0-9a-f]+-${Number(length).toString(16)}"$`).test(etag)
  // refgenieserver hashes them; what it hashes is seen by the digest that it is not.
  const other = md5 !== undefined && etag !== `"${md5}"` && !hasDigest(whole)
  return ofTime || other
    ? warn('etag', `${etag} is made of time and size, not of the content`, FIXES.changingEtag)
    : ok('etag', etag)
}

/** Digests that the server tells, and the one of the bytes when they are few. */
function digestCheck({ md5 }: SubjectFile, whole: Seen): Finding {
  const found = DIGEST_HEADERS.filter(name => whole.headers[name] !== undefined)
  const told = [...found, ...(md5 === undefined ? [] : ['md5 in the catalogue'])].join(', ')
  if (whole.cut) {
    return told === ''
      ? warn('digest', 'the server tells none', FIXES.digest)
      : ok('digest', `${told}; the file is too large to be compared here`)
  }
  const wrong = [
    md5 !== undefined && md5 !== hashOf('md5', whole.bytes, 'hex') && 'md5 in the catalogue',
    isWrong(whole, 'repr-digest') && 'Repr-Digest',
    isWrong(whole, 'content-digest') && 'Content-Digest',
  ].filter(Boolean)
  if (wrong.length > 0)
    return fail('digest', `${wrong.join(', ')} is not that of the bytes`, FIXES.damaged)
  if (told === '') return warn('digest', 'the server tells none', FIXES.digest)
  return ok('digest', `${told}, right`)
}

function hasDigest({ headers }: Seen): boolean {
  return DIGEST_HEADERS.some(name => headers[name] !== undefined)
}

function isWrong({ headers, bytes }: Seen, name: string): boolean {
  const told = /sha-256=:([^:]+):/.exec(headers[name] ?? '')?.[1]
  return told !== undefined && told !== hashOf('sha256', bytes, 'base64')
}

function hashOf(algorithm: string, bytes: Buffer, form: 'hex' | 'base64'): string {
  return createHash(algorithm).update(bytes).digest(form)
}
