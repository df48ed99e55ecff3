/**
 * Tokens as texts: `rdp_<id>_<secret><check>`.
 *
 * `rdp_` and the id tell whose token was found somewhere; the check characters let a scanner of leaked secrets, and this server, refuse a
 * mangled text without asking the database. The secret has 256 random bits, so a plain SHA-256 of it can be kept: there is nothing to guess.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { crc32 } from 'node:zlib'

const LETTERS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const ID_BYTES = 8
const SECRET_BYTES = 32
const ID_LENGTH = 11
const SECRET_LENGTH = 43
const CHECK_LENGTH = 6

/** What begins every token. */
export const TOKEN_PREFIX = 'rdp_'

const SHAPE = new RegExp(
  `^${TOKEN_PREFIX}([0-9A-Za-z]{${ID_LENGTH}})_([0-9A-Za-z]{${SECRET_LENGTH + CHECK_LENGTH}})$`,
)

/** A token that was just made. */
export interface NewToken {
  readonly token: string
  readonly id: string
  readonly hash: string
}

/** Makes a token. */
export function makeToken(): NewToken {
  const id = letters(randomBytes(ID_BYTES), ID_LENGTH)
  const body = `${TOKEN_PREFIX}${id}_${letters(randomBytes(SECRET_BYTES), SECRET_LENGTH)}`
  const token = body + checkOf(body)
  return { token, id, hash: hashOf(token) }
}

/** The id of a token; undefined when the text cannot be one of ours. */
export function tokenId(token: string): string | undefined {
  const [, id] = SHAPE.exec(token) ?? []
  const body = token.slice(0, -CHECK_LENGTH)
  return id !== undefined && token.endsWith(checkOf(body)) ? id : undefined
}

/** What is kept of a secret: its SHA-256 in hex. */
export function hashOf(secret: string): string {
  return createHash('sha256').update(secret).digest('hex')
}

/** Compares two hashes in constant time. */
export function sameHash(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)]
  return left.length === right.length && timingSafeEqual(left, right)
}

function checkOf(body: string): string {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(crc32(body))
  return letters(bytes, CHECK_LENGTH)
}

/** Bytes as a number in base 62, padded to a fixed length. */
function letters(bytes: Buffer, length: number): string {
  let rest = BigInt(`0x${bytes.toString('hex')}`)
  let text = ''
  while (text.length < length) {
    text = LETTERS[Number(rest % 62n)] + text
    rest /= 62n
  }
  return text
}
