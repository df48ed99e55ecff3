/** Tokens that an identity provider has signed (OpenID Connect): who they are of, and which scopes that means here. */
import type { JWTPayload, JWTVerifyGetKey } from 'jose'
import { IssuerUnreachable } from '../../domain/access-errors.ts'
import { parseScope } from '../../domain/rights.ts'

/** Which signed tokens count, and for what. */
export interface SignedTokenSettings {
  /** Value of `iss`. */
  readonly issuer: string
  /** Value of `aud`. */
  readonly audience: string
  /** URL of the keys; without it the issuer is asked for it. */
  readonly jwks?: string
  /** Claim with scopes, roles or groups; dots lead into objects. */
  readonly claim: string
  /** Value of the claim → scopes; what is not in it gives no right. */
  readonly scopes: ReadonlyMap<string, readonly string[]>
  /** Milliseconds that pass at least before an unknown key id makes the keys be fetched again. */
  readonly keyCooldownMs?: number
}

/** What a valid token says. */
interface SignedToken {
  readonly subject: string
  readonly scopes: readonly string[]
  /** Milliseconds since 1970. */
  readonly until: number
}

/** Checks a token: what it says, that its time is over, or undefined when it does not count. */
export type SignedTokenCheck = (token: string) => Promise<SignedToken | 'expired' | undefined>

// Asymmetric algorithms only: with a shared secret, or `none`, anybody could sign.
const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'EdDSA']
// The clocks of two machines may differ by so many seconds.
const CLOCK_TOLERANCE = 60
const FETCH_TIMEOUT_MS = 5000
/** Unknown key ids make the keys be fetched again, but not more often than this. */
const KEY_COOLDOWN_MS = 10_000
// Values of the claim that name a scope themselves carry this in front. Only scopes of data: where users name their own groups, nobody
// must be able to make an administrator of himself.
const OWN_PREFIX = 'refdepot:'
const OF_DATA: ReadonlySet<string> = new Set(['read', 'write', 'study'])

/**
 * A check of tokens of one issuer. Keys are fetched when the first token comes, kept, and fetched again when a token names an unknown one.
 *
 * The check throws IssuerUnreachable when keys are needed and cannot be fetched.
 */
export function signedTokenCheck(settings: SignedTokenSettings): SignedTokenCheck {
  let keys: Promise<JWTVerifyGetKey> | undefined
  return async token => {
    const { jwtVerify, errors } = await import('jose')
    keys ??= keysOf(settings).catch(error => {
      keys = undefined
      throw error
    })
    const getKey = await keys
    try {
      const { payload } = await jwtVerify(token, getKey, {
        issuer: settings.issuer,
        audience: settings.audience,
        algorithms: ALGORITHMS,
        clockTolerance: CLOCK_TOLERANCE,
        requiredClaims: ['exp', 'sub'],
      })
      return {
        subject: String(payload.sub),
        scopes: scopesOf(payload, settings),
        until: Number(payload.exp) * 1000,
      }
    } catch (error) {
      // The library's own errors are about the token, but for those about the keys.
      const aboutToken =
        error instanceof errors.JOSEError &&
        !(error instanceof errors.JWKSTimeout) &&
        error.code !== 'ERR_JOSE_GENERIC'
      if (error instanceof errors.JWTExpired) return 'expired'
      if (aboutToken) return undefined
      throw new IssuerUnreachable(error)
    }
  }
}

async function keysOf(settings: SignedTokenSettings): Promise<JWTVerifyGetKey> {
  const { createRemoteJWKSet } = await import('jose')
  const url = settings.jwks ?? (await discovered(settings.issuer))
  return createRemoteJWKSet(new URL(url), {
    timeoutDuration: FETCH_TIMEOUT_MS,
    cooldownDuration: settings.keyCooldownMs ?? KEY_COOLDOWN_MS,
  })
}

/** OpenID Connect Discovery 1.0, §4. */
async function discovered(issuer: string): Promise<string> {
  try {
    const url = `${issuer.replace(/\/+$/, '')}/.well-known/openid-configuration`
    const answer = await fetch(url, { signal: AbortSignal.timeout(FETCH_TIMEOUT_MS) })
    const { jwks_uri } = (await answer.json()) as { jwks_uri?: unknown }
    if (typeof jwks_uri !== 'string') throw new Error(`${url} names no jwks_uri`)
    return jwks_uri
  } catch (error) {
    throw new IssuerUnreachable(error)
  }
}

function scopesOf(payload: JWTPayload, { claim, scopes }: SignedTokenSettings): string[] {
  const value = claim
    .split('.')
    .reduce<unknown>((at, key) => (at as Record<string, unknown> | undefined)?.[key], payload)
  const words = typeof value === 'string' ? value.split(/\s+/) : Array.isArray(value) ? value : []
  return words
    .filter(word => typeof word === 'string')
    .flatMap(word => [...ownScope(word), ...(scopes.get(word) ?? [])])
}

function ownScope(word: string): string[] {
  if (!word.startsWith(OWN_PREFIX)) return []
  const text = word.slice(OWN_PREFIX.length)
  return OF_DATA.has(parseScope(text)?.kind ?? '') ? [text] : []
}
