/** Who sends a request, as far as it says; decided once, when the request comes in. */
import type { FastifyRequest } from 'fastify'
import { NO_RIGHTS, type Rights } from '../../domain/rights.ts'
import type { AccessControl } from './access-control.ts'

/** Somebody who sends requests. */
export interface Caller {
  readonly rights: Rights
  /** For the audit: `token NAME`, `oidc SUBJECT`, `anonymous`. */
  readonly name: string
  /** Whether credentials came with the request, and whether they count. */
  readonly credentials: 'none' | 'valid' | 'refused'
  /** Why they do not count, for the one who sent them. */
  readonly reason?: string
  /** Id of the token, when it is one of ours. */
  readonly tokenId?: string
  /** Signed tokens of others: their scopes and the time they are good for (ms since 1970). */
  readonly signed?: { readonly scopes: readonly string[]; readonly until: number }
  /** True when it is a link that acts for them: whoever holds it is not told whose it is. */
  readonly byLink?: boolean
  /** True when the credentials came in a cookie, which browsers send along by themselves. */
  readonly byCookie?: boolean
  /** The cookie itself, to end the session. */
  readonly cookie?: string
}

/** Somebody without credentials. */
export const ANONYMOUS: Caller = { rights: NO_RIGHTS, name: 'anonymous', credentials: 'none' }

/** A request with who sends it and what watches over it. */
interface Attended {
  readonly caller: Caller
  readonly access: AccessControl
  readonly address: string
}

const attended = new WeakMap<FastifyRequest, Attended>()

/** Who sends a request; nobody special before that was found out. */
export function callerOf(request: FastifyRequest): Caller {
  return attended.get(request)?.caller ?? ANONYMOUS
}

/** What watches over a request; undefined when it failed before that was known. */
export function accessOf(request: FastifyRequest): AccessControl | undefined {
  return attended.get(request)?.access
}

/**
 * Where a request comes from, as far as that is known: empty on a unix socket without a proxy that is trusted. It was noted when the request
 * came in, since a connection that is gone has no address any more.
 */
export function addressOf(request: FastifyRequest): string {
  return attended.get(request)?.address ?? ''
}

/** Says who sends a request. */
export function attend(request: FastifyRequest, access: AccessControl, caller: Caller): void {
  const address = attended.get(request)?.address ?? (request.ip as string | undefined) ?? ''
  attended.set(request, { caller, access, address })
}

/** True when a request carries credentials that a client would take along to wherever it is redirected. */
export function carriesCredentials(request: FastifyRequest): boolean {
  return request.headers.authorization !== undefined
}
