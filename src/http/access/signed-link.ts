/**
 * Links that carry their own right: they end soon, name one object, and are signed, so that curl, samtools and browsers can use them
 * without any header.
 *
 *     /links/<payload>.<signature>/<file name>
 *
 * The file name stands last, since readers guess formats by it; a reader that looks for the index of a file puts `.fai` or `.bai` behind
 * the name, and the link covers those.
 */
import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  randomBytes,
  timingSafeEqual,
} from 'node:crypto'
import { LinkExpired, LinkInvalid } from '../../domain/access-errors.ts'
import type { ByteRange } from '../../storage/store.ts'

/** What a link is for. */
export interface LinkGrant {
  /** Digest of the genome. */
  readonly genome: string
  readonly asset: string
  readonly tag: string
  /** md5 of the archive when the link was made: other bytes need another link. */
  readonly archive: string
  readonly form: 'tgz' | 'tar' | 'file'
  /** Path of the file; empty for an archive. */
  readonly path: string
  /** Milliseconds since 1970. */
  readonly madeAt: number
  readonly expiresAt: number
  /** Who it was made for: a token of ours, a signed one with its scopes, or nobody. */
  readonly issuer:
    | { readonly kind: 'token'; readonly id: string }
    | { readonly kind: 'signed'; readonly name: string; readonly scopes: readonly string[] }
    | { readonly kind: 'anonymous' }
  /** The only bytes it gives. */
  readonly range?: ByteRange
  /** The only address it works from. */
  readonly address?: string
}

// A link of a replica whose clock goes ahead is fine for so long.
const CLOCK_TOLERANCE_MS = 60_000
const VERSION = 1
const START_BYTES = 16

/** Path of the link to a grant, below the base path. */
export function linkPath(key: Buffer, grant: LinkGrant, name: string): string {
  const payload = seal(key, JSON.stringify([VERSION, grant]))
  return `/links/${payload}.${signature(key, payload)}/${encodeURIComponent(name)}`
}

/**
 * The grant of a link.
 *
 * @throws LinkInvalid, LinkExpired
 */
export function readLink(key: Buffer, link: string, now = Date.now()): LinkGrant {
  const [payload = '', given = '', ...more] = link.split('.')
  const [left, right] = [Buffer.from(signature(key, payload)), Buffer.from(given)]
  if (more.length > 0 || left.length !== right.length || !timingSafeEqual(left, right)) {
    throw new LinkInvalid()
  }
  const [, grant] = JSON.parse(unseal(key, payload)) as [number, LinkGrant]
  if (grant.expiresAt <= now) throw new LinkExpired()
  if (grant.madeAt > now + CLOCK_TOLERANCE_MS) {
    throw new LinkInvalid('this link was made in the future: a clock is wrong')
  }
  return grant
}

/** Whoever holds a link has no business with whose token made it, so it cannot be read; that it was not changed is told by the signature. */
function seal(key: Buffer, text: string): string {
  const start = randomBytes(START_BYTES)
  const cipher = createCipheriv('aes-256-ctr', sealingKey(key), start)
  return Buffer.concat([start, cipher.update(text, 'utf8'), cipher.final()]).toString('base64url')
}

function unseal(key: Buffer, payload: string): string {
  const bytes = Buffer.from(payload, 'base64url')
  const decipher = createDecipheriv('aes-256-ctr', sealingKey(key), bytes.subarray(0, START_BYTES))
  const text = Buffer.concat([decipher.update(bytes.subarray(START_BYTES)), decipher.final()])
  return text.toString('utf8')
}

function sealingKey(key: Buffer): Buffer {
  return createHmac('sha256', key).update('refdepot-link-seal').digest()
}

function signature(key: Buffer, payload: string): string {
  return createHmac('sha256', key).update(`refdepot-link ${payload}`).digest('base64url')
}
