/** Whether a caller wants a page or JSON. */
import type { FastifyRequest } from 'fastify'

/**
 * True when the caller asks for HTML rather than JSON: browsers do; curl, scripts and everything else that takes anything do not.
 */
export function wantsPage(request: FastifyRequest): boolean {
  return request.accepts().type(['application/json', 'text/html']) === 'text/html'
}
