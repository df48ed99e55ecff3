/** Connections of a server that stops: those that have nothing to do are closed, and no answer loses its end. */
import type { Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'
import type { AppParts } from './app-settings.ts'

// How often a stopping server looks for connections that have nothing to do any more.
const IDLE_LOOK_MS = 100

/** `_httpMessage` is what node:http itself looks at: the answer that the connection is busy with, until all of it was written. */
type Connection = Socket & { readonly _httpMessage?: ServerResponse | null }

/** A connection whose download ends while the server stops would be kept for the next request, and the stop would wait for its time-out. */
export function endKeptConnections(
  app: FastifyInstance,
  beforeStop?: AppParts['beforeStop'],
): void {
  spareUnwritten(app.server)
  app.addHook('preClose', async () => {
    await beforeStop?.()
    if (!app.server.listening) return
    const timer = setInterval(() => app.server.closeIdleConnections(), IDLE_LOOK_MS)
    app.server.once('close', () => clearInterval(timer))
    timer.unref()
  })
}

/**
 * Node (20 to 24) takes a connection for idle as soon as its answer was ended, also while the last bytes wait for a client that reads slowly, and
 * destroys it with them; `server.close()` does so too. So while it looks, no answer that is still on its way counts as ended.
 */
function spareUnwritten(server: Server): void {
  const connections = new Set<Connection>()
  server.on('connection', (connection: Connection) => {
    connections.add(connection)
    connection.once('close', () => connections.delete(connection))
  })
  const closeIdle = server.closeIdleConnections
  server.closeIdleConnections = () => {
    const ended = [...connections].flatMap(({ _httpMessage: answer }) =>
      answer?.finished ? [answer] : [],
    )
    for (const answer of ended) answer.finished = false
    closeIdle.call(server)
    for (const answer of ended) answer.finished = true
  }
}
