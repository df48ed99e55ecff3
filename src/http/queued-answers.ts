/** Answers that wait behind another one on their connection (pipelined requests). */
import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'

/**
 * Node tells only the answer that is being sent when its connection breaks; those behind it would never hear of it, and keep
 * their files, memory and budgets. Each of them is closed here as Node closes the first one.
 */
export function closeQueuedAnswers(app: FastifyInstance): void {
  const queues = new WeakMap<Socket, Set<ServerResponse>>()
  app.addHook('onRequest', ({ socket }, { raw }, done) => {
    if (raw.socket === null) enqueue(queues, socket, raw)
    done()
  })
}

function enqueue(
  queues: WeakMap<Socket, Set<ServerResponse>>,
  socket: Socket,
  answer: ServerResponse,
): void {
  const queue = queues.get(socket) ?? new Set()
  // One listener a connection, however many requests it brings.
  if (!queues.has(socket)) {
    queues.set(socket, queue)
    socket.once('close', () => queue.forEach(close))
  }
  queue.add(answer)
  answer.once('socket', () => queue.delete(answer))
}

/** The same as `onServerResponseClose` of node:http. */
function close(answer: ServerResponse): void {
  Object.assign(answer, { destroyed: true, _closed: true })
  answer.emit('close')
}
