/** What a browser lets a page of another origin read (Fetch standard, §3.3 CORS protocol). */
import { type Finding, fail, ok, warn } from './finding.ts'
import { FIXES } from './fixes.ts'
import type { Probe, Seen } from './probe.ts'

// Content-Length is exposed without being named (Fetch §2.2.2); what igv.js and JBrowse read of the others.
const WANTED = ['content-range', 'etag', 'accept-ranges']

/** Where a page comes from, and whether it sends a token. */
export interface Page {
  readonly origin: string
  readonly token: boolean
}

/** The findings for a file. Throws RemoteFailed. */
export async function corsChecks(url: string, page: Page, probe: Probe): Promise<Finding[]> {
  const headers = { origin: page.origin, range: 'bytes=0-9' }
  const part = await probe.ask(url, { headers })
  return [
    readable(part, page.origin),
    exposeCheck(part),
    await preflightCheck(url, page, probe),
    await missingCheck(url, page, probe),
  ]
}

/** Whether a page sees that a file is missing; else it sees "network error". */
export async function missingCheck(url: string, page: Page, probe: Probe): Promise<Finding> {
  const missing = await probe.ask(missingBeside(url), { headers: { origin: page.origin } })
  return allowed(missing, page.origin)
    ? ok('cors-error', `readable, too: ${missing.status}`)
    : fail('cors-error', `${missing.status} without CORS headers`, FIXES.corsError)
}

/** Whether a page may read an answer. */
function readable(seen: Seen, origin: string): Finding {
  const said = seen.headers['access-control-allow-origin']
  if (allowed(seen, origin)) return ok('cors', `Access-Control-Allow-Origin: ${said}`)
  const evidence =
    said === undefined
      ? `no Access-Control-Allow-Origin for ${origin}`
      : `Access-Control-Allow-Origin is ${said}, not ${origin}`
  return fail('cors', evidence, FIXES.cors)
}

/** True when a browser gives an answer to a page of the origin. */
export function allowed({ headers }: Seen, origin: string): boolean {
  const said = headers['access-control-allow-origin']
  return said === '*' || said === origin
}

/** Whether a page sees the headers it needs. */
function exposeCheck({ headers }: Seen): Finding {
  const exposed = words(headers['access-control-expose-headers'])
  // `*` counts for everybody who sends no cookies.
  if (exposed.includes('*')) return ok('cors-expose', 'Access-Control-Expose-Headers: *')
  const hidden = WANTED.filter(name => !exposed.includes(name))
  return hidden.length === 0
    ? ok('cors-expose', `pages see ${WANTED.join(', ')}`)
    : warn('cors-expose', `pages do not see ${hidden.join(', ')}`, FIXES.expose)
}

/** What browsers ask before a request with headers that are not harmless: `Range` before 2024, `Authorization` always. */
export async function preflightCheck(url: string, page: Page, probe: Probe): Promise<Finding> {
  const wanted = page.token ? ['authorization', 'range'] : ['range']
  const answer = await probe.ask(url, {
    method: 'OPTIONS',
    authorized: false,
    headers: {
      origin: page.origin,
      'access-control-request-method': 'GET',
      'access-control-request-headers': wanted.join(','),
    },
  })
  const { status, headers } = answer
  if (status < 200 || status > 299)
    return fail('cors-preflight', `OPTIONS answers ${status}`, FIXES.preflight)
  const accepted = words(headers['access-control-allow-headers'])
  // `*` covers everything but Authorization.
  const refused = wanted.filter(
    name => !accepted.includes(name) && !(accepted.includes('*') && name !== 'authorization'),
  )
  if (!allowed(answer, page.origin) || refused.length > 0) {
    const evidence = `OPTIONS does not allow ${refused.join(', ') || page.origin}`
    return fail('cors-preflight', evidence, FIXES.preflight)
  }
  return ok('cors-preflight', `OPTIONS answers ${status} and allows ${wanted.join(', ')}`)
}

function words(value = ''): string[] {
  return value.toLowerCase().split(/[\s,]+/)
}

/** An address beside another one where nothing should be. */
function missingBeside(url: string): string {
  const at = new URL(url)
  at.search = ''
  at.pathname = `${at.pathname.replace(/[^/]*$/, '')}refdepot-doctor-asks-for-nothing`
  return at.href
}
