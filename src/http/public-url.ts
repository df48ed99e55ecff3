/** The one place that makes absolute URLs. */
import type { FastifyRequest } from 'fastify'
import type { AppSettings } from './app-settings.ts'

/**
 * Absolute URL of a path of this server.
 *
 * `--public-url` wins; else scheme and host are the ones of the request, of the proxy's headers when the proxy is trusted.
 *
 * @param path - begins with `/`, without the base path
 */
export function absoluteUrl(settings: AppSettings, request: FastifyRequest, path: string): string {
  if (settings.publicUrl !== undefined) return settings.publicUrl.replace(/\/+$/, '') + path
  return `${request.protocol}://${request.host}${settings.basePath}${path}`
}

/** Path of a request below the base path, without the query: what routes and error families are told by. */
export function pathOf(url: string): string {
  const end = url.indexOf('?')
  return end === -1 ? url : url.slice(0, end)
}

/** Takes the base path off a URL; a front proxy may have done so already, so a URL without it is fine too. */
export function withoutBase(url: string, basePath: string): string {
  if (basePath === '' || !url.startsWith(basePath)) return url
  const rest = url.slice(basePath.length)
  if (rest === '' || rest.startsWith('?')) return `/${rest}`
  return rest.startsWith('/') ? rest : url
}
