/** What the credentials are good for: whether the server takes them, and what they let see. */
import { type Finding, fail, ok, warn } from './finding.ts'
import { FIXES } from './fixes.ts'
import type { Probe, Seen } from './probe.ts'
import { listingIn, routeUrl, type ServerKind } from './server-kind.ts'
import type { Subjects } from './subjects.ts'

const MOST_LISTING = 64 * 1024 * 1024

/** What is asked with which rights. */
export interface AccessQuestion {
  readonly kind: ServerKind
  readonly subjects: Subjects
  readonly probe: Probe
  /** True when there are credentials for this address. */
  readonly credentials: boolean
}

/** The finding `access`. Throws RemoteFailed. */
export async function accessCheck(
  server: string,
  { kind, subjects, probe, credentials }: AccessQuestion,
): Promise<Finding> {
  const url = routeUrl(server, kind.routes, 'v3custom_Id_assets', {}) ?? subjects.file?.url
  if (url === undefined) return fail('access', 'there is nothing to ask for', FIXES.nothing)
  const files = kind.name === 'files'
  const order = files
    ? { headers: { range: 'bytes=0-0' } }
    : { most: MOST_LISTING, headers: { accept: 'application/json' } }
  const open = await probe.ask(url, { ...order, authorized: false })
  if (!credentials) return publicAccess(open, files)
  const own = await probe.ask(url, order)
  // Ours answers public assets even to a token that it does not know, and says so here.
  const refused = /error="(\w+)"/.exec(own.headers['www-authenticate'] ?? '')?.[1]
  if (own.status === 401 || own.status === 403 || refused !== undefined) {
    const evidence = `the credentials are refused: ${refused ?? own.status}`
    return fail('access', evidence, FIXES.token)
  }
  if (files) return ok('access', `accepted: ${own.status}; without credentials ${open.status}`)
  return ok('access', `accepted: ${seen(own)}; without credentials ${seen(open)}`)
}

function publicAccess(open: Seen, files: boolean): Finding {
  const evidence = `no credentials: ${files ? `answers ${open.status}` : seen(open)}`
  if (open.status === 401 || open.status === 403) return fail('access', evidence, FIXES.token)
  return !files && assets(open) === 0
    ? warn('access', evidence, FIXES.empty)
    : ok('access', evidence)
}

function seen(listing: Seen): string {
  if (listing.status !== 200) return `answers ${listing.status}`
  return `${assets(listing)} assets can be seen`
}

function assets({ bytes }: Seen): number {
  return Object.values(listingIn(bytes)).flat().length
}
