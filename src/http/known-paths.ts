/** Remembers the paths that are answered, to tell a wrong method and a wrong slash from an unknown path. */
import type { FastifyInstance } from 'fastify'

/** The paths that are answered. */
export interface KnownPaths {
  /** True when GET on this path would reach a route. */
  has(path: string): boolean
  /** Methods that reach a route on this path; empty for an unknown path. */
  methods(path: string): ReadonlySet<string>
}

/** Notes every route that is registered from now on. */
export function knownPaths(app: FastifyInstance): KnownPaths {
  const known: { readonly pattern: RegExp; readonly methods: readonly string[] }[] = []
  app.addHook('onRoute', ({ method, url }) => {
    const methods = [method].flat()
    // Preflight requests are answered on every path.
    if (!methods.includes('OPTIONS')) known.push({ pattern: toPattern(url), methods })
  })
  const methods = (path: string) =>
    new Set(known.filter(({ pattern }) => pattern.test(path)).flatMap(route => route.methods))
  return { has: path => methods(path).has('GET'), methods }
}

function toPattern(url: string): RegExp {
  const parts = url.split('/').map(part => {
    if (part === '*') return '.*'
    return part.startsWith(':') ? '[^/]+' : part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
  })
  return new RegExp(`^${parts.join('/')}$`)
}
