/** A server before ours that knows what refgenieserver 0.8 knows: API v3 and the private API, no HEAD, nothing of our own. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import type { Test } from 'tap'

/** Its address, and what it was asked for. */
export interface V3Only {
  readonly url: string
  readonly asked: string[]
}

const KNOWN = /^\/(?:v3|_private_api)\//

/** Starts it before the server at `url`. */
export async function v3Only(t: Test, url: string): Promise<V3Only> {
  const asked: string[] = []
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`)
    pass(url, request, response).catch(error => response.destroy(error))
  })
  await new Promise<void>(done => server.listen(0, '127.0.0.1', done))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked }
}

async function pass(url: string, request: IncomingMessage, response: ServerResponse) {
  const path = request.url ?? '/'
  if (request.method !== 'GET' || !KNOWN.test(path)) {
    const isUnknown = request.method === 'GET'
    response.writeHead(isUnknown ? 404 : 405, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ detail: isUnknown ? 'Not Found' : 'Method Not Allowed' }))
    return
  }
  const { range } = request.headers
  const headers = { 'accept-encoding': 'identity', ...(range !== undefined && { range }) }
  const answer = await fetch(url + path, { headers })
  const names = ['content-type', 'content-length', 'content-range', 'accept-ranges', 'etag']
  const passed = names.flatMap(name => {
    const value = answer.headers.get(name)
    return value === null ? [] : [[name, value] as const]
  })
  response.writeHead(answer.status, Object.fromEntries(passed))
  if (answer.body === null) response.end()
  else Readable.fromWeb(answer.body).pipe(response)
}
