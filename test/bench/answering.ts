/** Tiny servers that answer rightly or wrongly, for what must find that out. */
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Test } from 'tap'

/** Starts a server for the time of a test; answers its port. */
export async function answering(t: Test, listener: RequestListener): Promise<number> {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

/** Answers a body with the status; the length is that of the body. */
export function send(body: Buffer, status = 200): RequestListener {
  return (_request, response) => {
    response.writeHead(status, { 'content-length': body.length }).end(body)
  }
}
