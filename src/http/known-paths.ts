/** Remembers the paths that GET answers, to tell a wrong method and a wrong slash from an unknown path. */
import type { FastifyInstance } from 'fastify'

/** The paths that GET answers. */
export interface KnownPaths {
  /** True when GET on this path would reach a route. */
  has(path: string): boolean
}

/** Notes every GET route that is registered from now on. */
export function knownPaths(app: FastifyInstance): KnownPaths {
  const patterns: RegExp[] = []
  app.addHook('onRoute', route => {
    if ([route.method].flat().includes('GET')) patterns.push(toPattern(route.url))
  })
  return { has: path => patterns.some(pattern => pattern.test(path)) }
}

function toPattern(url: string): RegExp {
  const parts = url.split('/').map(part => {
    if (part === '*') return '.*'
    return part.startsWith(':') ? '[^/]+' : part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
  })
  return new RegExp(`^${parts.join('/')}$`)
}
