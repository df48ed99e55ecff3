/** Which software answers: refdepot, refgenieserver, or something that serves files. */
import type { Probe } from './probe.ts'

/** Routes by the names under which the stock client looks them up, as `/openapi.json` tells them. */
export type NamedRoutes = ReadonlyMap<string, string>

/** What serves. */
export interface ServerKind {
  readonly name: 'refdepot' | 'refgenieserver' | 'files'
  /** For people: name and version, or what the header `Server` says. */
  readonly shown: string
  /** Empty for what serves files only. */
  readonly routes: NamedRoutes
}

// An openapi document of refgenieserver has 90 kB, ours 300 kB.
const MOST_DOCUMENT = 8 * 1024 * 1024

/**
 * Finds out what serves an address.
 *
 * @param server - without a slash at the end
 * @throws RemoteFailed
 */
export async function serverKind(server: string, probe: Probe): Promise<ServerKind> {
  const routes = await namedRoutes(server, probe)
  if (routes.routes.size === 0) return { name: 'files', shown: routes.software, routes: new Map() }
  const about = await probe.ask(`${server}/service-info`)
  const { id, version } = (jsonIn(about.bytes) ?? {}) as { id?: string; version?: string }
  return id === 'org.refdepot.server'
    ? { name: 'refdepot', shown: `refdepot ${version ?? ''}`.trim(), routes: routes.routes }
    : { name: 'refgenieserver', shown: `refgenieserver ${routes.version}`, routes: routes.routes }
}

/** Reads `/openapi.json` as the stock client does: of two routes of one name it keeps the last. */
async function namedRoutes(server: string, probe: Probe) {
  const answer = await probe.ask(`${server}/openapi.json`, { most: MOST_DOCUMENT })
  const software = answer.headers.server ?? 'it does not say what it is'
  const routes = answer.status === 200 ? routesIn(answer.bytes) : new Map<string, string>()
  const { info } = (jsonIn(answer.bytes) ?? {}) as { info?: { version?: string } }
  return { software, version: info?.version ?? '', routes }
}

/** The routes of an openapi document that have names of the stock client. */
export function routesIn(document: Buffer): Map<string, string> {
  const { paths = {} } = (jsonIn(document) ?? {}) as {
    paths?: Record<string, { get?: { operationId?: string } }>
  }
  const routes = new Map<string, string>()
  for (const [path, { get }] of Object.entries(paths)) {
    const name = get?.operationId
    // What is no path could lead to another host.
    if (name?.includes('custom_Id_') === true && path.startsWith('/')) routes.set(name, path)
  }
  return routes
}

/** Assets by genome, as `/v3/assets/list` tells them; what has another shape is left out. */
export function listingIn(bytes: Buffer): Readonly<Record<string, readonly string[]>> {
  const isName = (name: unknown) => typeof name === 'string'
  const rows = Object.entries((jsonIn(bytes) ?? {}) as object).filter(
    ([, names]) => Array.isArray(names) && names.every(isName),
  )
  return Object.fromEntries(rows)
}

/** The value of a JSON text; undefined for anything else. */
export function jsonIn(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'))
  } catch {
    return undefined
  }
}

/** The address of a named route with its parameters; undefined when the server has none of this name. */
export function routeUrl(
  server: string,
  routes: NamedRoutes,
  name: string,
  parameters: Readonly<Record<string, string>>,
): string | undefined {
  const path = routes.get(name)
  if (path === undefined) return undefined
  return (
    server +
    path.replace(/\{(\w+)\}/g, (_, key: string) => encodeURIComponent(parameters[key] ?? ''))
  )
}
