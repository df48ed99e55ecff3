/** Keeps other sites from acting in the name of a browser that has logged in here. */
import type { FastifyRequest } from 'fastify'
import { Forbidden } from '../../domain/access-errors.ts'
import type { RouteParts } from '../app-settings.ts'
import { callerOf } from './caller.ts'

/**
 * Refuses a request that changes something when a page of another origin has sent it. Browsers say where a POST comes from; programs do
 * not, and need not: they carry no cookie. A cookie without a word about the origin is refused.
 *
 * @throws Forbidden
 */
export function demandSameOrigin(parts: RouteParts, request: FastifyRequest): void {
  const { origin } = request.headers
  const site = request.headers['sec-fetch-site']
  const own = ownOrigin(parts, request)
  const said = origin !== undefined || site !== undefined
  const foreign = (origin !== undefined && origin !== own) || !SAME_SITE.has(String(site ?? 'none'))
  if (foreign || (callerOf(request).byCookie === true && !said)) {
    throw new Forbidden('this was sent by a page of another site and is not done')
  }
}

/** No origin is equal to the one of a Host header that is none. */
function ownOrigin(parts: RouteParts, request: FastifyRequest): string {
  const url = parts.absolute(request, '/')
  return URL.canParse(url) ? new URL(url).origin : ''
}

const SAME_SITE: ReadonlySet<string> = new Set(['same-origin', 'none'])
