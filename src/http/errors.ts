/**
 * The one table of errors to statuses, and the two forms they are answered in.
 *
 * refgenie clients get `{"detail": "text"}` on their paths (anything but JSON makes them crash); native paths get problems of RFC 9457
 * with a stable `code`, or a page for browsers.
 */
import { STATUS_CODES } from 'node:http'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { LoginRequired } from '../domain/access-errors.ts'
import { type ErrorCode, RefdepotError } from '../domain/errors.ts'
import { TagWithdrawn } from '../domain/publication-errors.ts'
import { familyOf } from '../domain/reserved-words.ts'
import { html, json } from './answers.ts'
import type { RouteParts } from './app-settings.ts'
import { deliver, forgetDelivery } from './deliver.ts'
import type { KnownPaths } from './known-paths.ts'
import { wantsPage } from './negotiate.ts'
import { errorPage } from './pages/error-page.ts'
import { pageSettings } from './pages/pages.ts'
import { pathOf } from './public-url.ts'
import { withdrawalFacts } from './withdrawn.ts'

/** Status of each code. A failing disk is never a 404. */
export const STATUS: Readonly<Record<ErrorCode, number>> = {
  'unknown-genome': 404,
  'unknown-asset': 404,
  'unknown-tag': 404,
  'unknown-seek-key': 404,
  'unknown-archive': 404,
  'unknown-file': 404,
  'unknown-upload': 404,
  'upload-refused': 409,
  'upload-incomplete': 409,
  'uploads-off': 404,
  'upload-failed': 500,
  'server-refused': 500,
  'server-unreachable': 500,
  'remote-missing': 500,
  'digest-mismatch': 500,
  'pull-refused': 500,
  'usage-invalid': 500,
  'invalid-parameter': 400,
  'login-required': 401,
  forbidden: 403,
  'token-exists': 409,
  'unknown-token': 404,
  'scope-invalid': 400,
  'link-invalid': 403,
  'link-expired': 403,
  'too-many-requests': 429,
  'issuer-unreachable': 503,
  'state-unavailable': 503,
  'archive-missing': 503,
  'archive-damaged': 503,
  'archive-replaced': 410,
  'digest-pending': 503,
  'storage-failed': 500,
  'storage-write-failed': 500,
  'config-locked': 500,
  'outside-root': 404,
  'short-read': 500,
  'source-refused': 500,
  'source-changed': 500,
  'asset-incomplete': 500,
  'disk-full': 500,
  'push-refused': 500,
  'push-damaged': 500,
  'push-conflict': 500,
  'tag-immutable': 409,
  withdrawn: 410,
  'withdrawal-refused': 409,
  'provenance-missing': 422,
  'release-refused': 409,
  'unknown-release': 404,
  'manifest-invalid': 400,
  'unknown-manifest': 404,
  'manifests-off': 404,
  'unknown-parts': 404,
  'bundle-refused': 500,
  'bundle-damaged': 500,
  'lock-refused': 500,
  'dataset-refused': 500,
  'dataset-missing': 404,
  'dataset-damaged': 500,
  'config-invalid': 500,
  'config-unreadable': 500,
  'setting-invalid': 500,
}

// Failures of the server whose message helps the caller and names nothing of the machine.
const OPEN_CODES: ReadonlySet<ErrorCode> = new Set(['digest-pending', 'issuer-unreachable'])

// Besides those of archives, the codes that refgenie paths name.
const NAMED_CODES: ReadonlySet<string> = new Set(['digest-pending', 'withdrawn'])

/** Thrown by refgenie routes: an answer in the words of the peer. */
export class RefgenieError extends Error {
  readonly status: number
  /** Value of the key `detail`: a text, or the list of what does not validate. */
  readonly detail: unknown

  constructor(status: number, detail: unknown) {
    super(typeof detail === 'string' ? detail : 'validation failed')
    this.status = status
    this.detail = detail
  }
}

/** What is said about an error, before it takes the form of a family. */
interface Finding {
  readonly status: number
  readonly code: string
  readonly detail: unknown
  /** Further members of a problem. */
  readonly facts?: object
}

/** Answers every error and every unknown path of the app. */
export function handleErrors(app: FastifyInstance, parts: RouteParts, known: KnownPaths): void {
  app.setErrorHandler((error, request, reply) => {
    const finding = findingOf(parts, error, request)
    const { retryAfter } = error as { retryAfter?: number }
    if (retryAfter !== undefined) reply.header('retry-after', String(retryAfter))
    if (error instanceof LoginRequired) {
      reply.header('www-authenticate', 'Bearer realm="refdepot", Basic realm="refdepot"')
    }
    return sendFinding(parts, request, reply, finding)
  })
  app.setNotFoundHandler((request, reply) => {
    const path = pathOf(request.url).replace(/\/{2,}/g, '/')
    const methods = known.methods(path)
    if (methods.size > 0 && !methods.has(request.method)) {
      reply.header('allow', [...methods, 'OPTIONS'].join(', '))
      const finding = { status: 405, code: 'method-not-allowed', detail: 'Method Not Allowed' }
      return sendFinding(parts, request, reply, finding)
    }
    const other = path.endsWith('/') ? path.slice(0, -1) : `${path}/`
    if (path !== '/' && known.has(other)) {
      // As the peer: the same URL with the slash the route has, the query kept.
      const query = request.url.slice(pathOf(request.url).length)
      return reply.redirect(parts.absolute(request, other + query), 307)
    }
    return sendFinding(parts, request, reply, {
      status: 404,
      code: 'not-found',
      detail: 'Not Found',
    })
  })
}

function findingOf(parts: RouteParts, error: unknown, request: FastifyRequest): Finding {
  if (error instanceof RefgenieError) {
    return { status: error.status, code: 'refgenie', detail: error.detail }
  }
  if (error instanceof RefdepotError) {
    const status = STATUS[error.code]
    if (status >= 500) request.log.error({ err: error, code: error.code }, 'request failed')
    // A failing disk is told to the operator; its paths are nobody else's business.
    const open = status < 500 || error.code.startsWith('archive-') || OPEN_CODES.has(error.code)
    const detail = error.code === 'outside-root' ? 'Not Found' : error.message
    const facts =
      error instanceof TagWithdrawn
        ? withdrawalFacts(error, path => parts.absolute(request, path))
        : undefined
    const said = open ? detail : STATUS_CODES[status]
    return { status, code: error.code, detail: said, ...(facts && { facts }) }
  }
  const status = (error as { statusCode?: number }).statusCode ?? 500
  if (status < 500) return { status, code: 'invalid-request', detail: (error as Error).message }
  request.log.error({ err: error }, 'request failed')
  return { status: 500, code: 'internal', detail: 'Internal Server Error' }
}

function sendFinding(
  parts: RouteParts,
  request: FastifyRequest,
  reply: FastifyReply,
  finding: Finding,
): Promise<FastifyReply> {
  forgetDelivery(reply)
  const { status, code, detail, facts } = finding
  // A withdrawal can be taken back.
  const cache = code === 'withdrawn' ? ({ cache: 'no-store' } as const) : {}
  if (familyOf(pathOf(request.url)) === 'refgenie') {
    const named = code.startsWith('archive-') || NAMED_CODES.has(code) ? { code } : {}
    return deliver(request, reply, json({ detail, ...named }), { status, ...cache })
  }
  if (wantsPage(request)) {
    const page = errorPage(pageSettings(parts, request), status, String(detail))
    return deliver(request, reply, html(page), { status, vary: 'Accept', ...cache })
  }
  const problem = {
    type: `urn:refdepot:problem:${code}`,
    title: STATUS_CODES[status],
    status,
    detail,
    code,
    ...facts,
  }
  return deliver(request, reply, json(problem, 'application/problem+json'), {
    status,
    ...cache,
    vary: 'Accept',
  })
}
