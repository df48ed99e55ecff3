/** How tokens are asked for and shown, on the command line and over HTTP alike. */
import { TokenRequestInvalid } from '../domain/access-errors.ts'
import { DURATION_FORMS, parseDuration } from '../domain/duration.ts'
import { stateOf, type TokenRecord } from './token-store.ts'

const NEVER = 'never'

/** How long a token is good for when nobody says anything. */
export const DEFAULT_EXPIRY = '365d'

/**
 * When a token that is asked for expires; undefined = never.
 *
 * @param expires - a span of time, or `never`
 * @throws TokenRequestInvalid
 */
export function expiryOf(expires: string = DEFAULT_EXPIRY): Date | undefined {
  const text = expires.trim() || DEFAULT_EXPIRY
  if (text === NEVER) return undefined
  const seconds = parseDuration(text)
  if (seconds === undefined || seconds === 0) {
    throw new TokenRequestInvalid(`the expiry '${text}'`, `${DURATION_FORMS}, or ${NEVER}`)
  }
  return new Date(Date.now() + seconds * 1000)
}

/** A token as JSON; never the secret. */
export function tokenJson(record: TokenRecord): object {
  return {
    name: record.name,
    prefix: record.prefix,
    state: stateOf(record),
    scopes: record.scopes,
    created_at: record.createdAt,
    created_by: record.createdBy,
    expires_at: record.expiresAt ?? null,
    revoked_at: record.revokedAt ?? null,
    last_used_at: record.lastUsedAt ?? null,
  }
}
