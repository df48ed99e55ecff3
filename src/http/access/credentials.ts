/**
 * The ways in which clients send a token: `Authorization: Bearer` and `Basic` (htslib, wget, rclone and .netrc know only that; the token is
 * the password, or the user name when there is no password), the cookie of a login, and a first path segment `~TOKEN`, for clients
 * that take nothing but a URL (the refgenie client downloads with urllib, which does not understand `user:password@host`).
 */
import type { IncomingMessage } from 'node:http'
import type { FastifyRequest } from 'fastify'

/** What was sent. */
export interface Credential {
  readonly kind: 'token' | 'signed' | 'session'
  readonly value: string
}

/** Name of the cookie of a login. */
export const SESSION_COOKIE = 'refdepot_session'

// Three parts of base64url, the first one a JSON object: a signed token (JWT).
const SIGNED = /^eyJ[\w-]*\.[\w-]+\.[\w-]*$/

/** The credential of a request; the header goes before the cookie. Undefined when there is none. */
export function credentialOf(request: FastifyRequest): Credential | undefined {
  const { authorization } = request.headers
  if (authorization !== undefined) return fromHeader(authorization)
  const cookie = request.cookies[SESSION_COOKIE]
  return cookie === undefined ? undefined : { kind: 'session', value: cookie }
}

/** A header that cannot be read is a credential too: one that does not count. */
function fromHeader(header: string): Credential {
  const text = header.trim()
  const blank = text.search(/\s/)
  const scheme = blank === -1 ? '' : text.slice(0, blank)
  const rest = blank === -1 ? '' : text.slice(blank).trim()
  const value = scheme.toLowerCase() === 'basic' ? fromBasic(rest) : rest
  return tokenCredential(value)
}

/** A token as a credential: one of ours, or one that an identity provider has signed. */
export function tokenCredential(value: string): Credential {
  return { kind: SIGNED.test(value) ? 'signed' : 'token', value }
}

function fromBasic(encoded: string): string {
  const text = Buffer.from(encoded, 'base64').toString('utf8')
  const colon = text.indexOf(':')
  const [user, password] = colon === -1 ? [text, ''] : [text.slice(0, colon), text.slice(colon + 1)]
  return password === '' ? user : password
}

/**
 * Takes a token out of the path of a request and puts it where other clients send it; answers the URL without it.
 *
 * @param url - without the base path
 */
export function withoutToken(request: IncomingMessage, url: string): string {
  const [whole, token] = /^\/+(?:~|%7[Ee])(rdp_\w+)(?=[/?]|$)/.exec(url) ?? []
  if (whole === undefined) return url
  request.headers.authorization ??= `Bearer ${token}`
  const rest = url.slice(whole.length)
  return rest.startsWith('/') ? rest : `/${rest}`
}
