/** Where a file really comes from: redirects, and what becomes of credentials and CORS on the way. */
import { shown } from '../../transfer/network-answer.ts'
import { allowed, type Page } from './cors-checks.ts'
import { type Finding, fail, ok } from './finding.ts'
import { FIXES } from './fixes.ts'
import type { Probe, Seen } from './probe.ts'

const MOST = 5

/** The findings for a file; each answer on the way is asked as it is. Throws RemoteFailed. */
export async function redirectChecks(url: string, page: Page, probe: Probe): Promise<Finding[]> {
  const headers = { origin: page.origin, range: 'bytes=0-9' }
  const hops: Seen[] = []
  for (let at = url; hops.length <= MOST; ) {
    // Network gives credentials to the origin they are for only, as it must be.
    const answer = await probe.ask(at, { headers, follow: false })
    hops.push(answer)
    const { location } = answer.headers
    if (![301, 302, 303, 307, 308].includes(answer.status) || location === undefined) break
    const next = new URL(location, at)
    if (at.startsWith('https:') && next.protocol !== 'https:') {
      return [fail('redirect', `${shown(at)} redirects to ${next.protocol}`, FIXES.downgrade)]
    }
    at = next.href
  }
  return judged(hops, page)
}

function judged(hops: readonly Seen[], page: Page): Finding[] {
  const last = hops.at(-1)
  if (last === undefined || hops.length === 1) return [ok('redirect', 'none')]
  const way = hops.map(({ url, status }) => `${status} ${new URL(url).origin}`).join(', then ')
  if (hops.length > MOST) return [fail('redirect', `goes round: ${way}`, FIXES.redirect)]
  const there = last.status === 206 || last.status === 200
  const silent = hops.filter(hop => !allowed(hop, page.origin))
  return [
    there ? ok('redirect', way) : fail('redirect', way, FIXES.redirect),
    silent.length === 0
      ? ok('cors-redirect', 'pages may follow')
      : fail(
          'cors-redirect',
          `no CORS headers from ${[...new Set(silent.map(({ url }) => new URL(url).origin))].join(', ')}`,
          FIXES.cors,
        ),
  ]
}
