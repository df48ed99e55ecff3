/** Reads answers of servers: names that can be used as names, digests that are digests. */
import { type RawTag, TAG_SCHEMA } from '../config/genome-config-schema.ts'
import { isGenomeDigest, isMd5 } from '../domain/digest.ts'
import { conforms } from '../domain/schema-check.ts'
import { RemoteFailed } from '../domain/transfer-errors.ts'
import { shown } from '../transfer/network-answer.ts'

/** A text answer; some servers write it as JSON. */
export function textIn(content: Buffer): string {
  const text = content.toString('utf8').trim()
  return /^"[^"\\]*"$/.test(text) ? text.slice(1, -1) : text
}

/** A genome digest in an answer. Throws RemoteFailed. */
export function genomeDigestIn(url: string, content: Buffer): string {
  const digest = textIn(content)
  if (isGenomeDigest(digest)) return digest
  throw notUnderstood(url, 'what is no digest of a genome')
}

/** A name in an answer that becomes a part of paths: no slash, no blank, no `..`. Throws RemoteFailed. */
export function nameIn(url: string, value: unknown): string {
  if (isName(value)) return value
  throw notUnderstood(url, `a name that cannot be one: ${JSON.stringify(value)}`)
}

/** The names among the values of an answer. */
export function namesIn(value: unknown): string[] {
  return Array.isArray(value) ? value.filter(isName) : []
}

/**
 * The attributes of a tag in an answer. The folder of the asset is named as the asset: a path would be the server's choice.
 *
 * @throws RemoteFailed
 */
export function attributesIn(url: string, value: unknown, asset: string): RawTag {
  if (!conforms(TAG_SCHEMA, value)) throw notUnderstood(url, 'no attributes of a tag')
  if (!isMd5(value.archive_digest ?? '')) throw notUnderstood(url, 'no digest of the archive')
  const seekKeys = Object.entries(value.seek_keys ?? {}).filter(([key, path]) => {
    return isName(key) && isInside(path)
  })
  const path = value.asset_path ?? ''
  return {
    ...value,
    asset_path: isName(path) ? path : asset,
    seek_keys: Object.fromEntries(seekKeys),
  }
}

/** True for a path that stays in its folder. */
function isInside(path: string): boolean {
  return (
    path !== '' && !path.startsWith('/') && !path.includes('\0') && !path.split('/').includes('..')
  )
}

/** The error for an answer that is not what the API promises. */
export function notUnderstood(url: string, what: string): RemoteFailed {
  return new RemoteFailed('answer', `${shown(url)} answers ${what}`)
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && /^[^\s/\\\0]{1,255}$/.test(value) && !/^\.\.?$/.test(value)
}
