/** A proxy in front of a real store that breaks some answers, as networks and overloaded stores do. */
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Test } from 'tap'
import { PartGate } from './part-gate.ts'

/** What happens to one answer to GET. */
export type Fault =
  /** It passes. */
  | 'none'
  /** The store says so. */
  | 500
  | 503
  /** The credentials count no more. */
  | 403
  /** It is cut off after a third, with a broken connection. */
  | 'broken'
  /** It ends in good order after a third, although more was announced. */
  | 'short'
  /** It comes in drops, with pauses between them. */
  | 'slow'
  /** It names another state of the object than the one that was asked for. */
  | 'other-etag'
  /** It says nothing of a range, as if it were the whole object. */
  | 'no-range'

/** Bytes that the store has given for a request. */
interface Served {
  readonly path: string
  bytes: number
}

/** Starts the proxy; each GET takes the next fault of the list, then all pass. */
export async function faultyProxy(t: Test, target: string, faults: Fault[]) {
  const seen: string[] = []
  const headers: IncomingMessage['headers'][] = []
  const served: Served[] = []
  const gate = new PartGate()
  const server = createServer((incoming, outgoing) => {
    if (!gate.lets(incoming, outgoing)) return
    const fault = incoming.method === 'GET' ? (faults.shift() ?? 'none') : 'none'
    headers.push(incoming.headers)
    seen.push(`${incoming.method} ${fault} ${incoming.headers.range ?? ''}`.trim())
    if (typeof fault === 'number') {
      outgoing.writeHead(fault, { 'content-type': 'application/xml' })
      const code = fault === 403 ? 'ExpiredToken' : 'InternalError'
      outgoing.end(`<Error><Code>${code}</Code></Error>`)
      return
    }
    forward(target, incoming, outgoing, fault, served)
  })
  await new Promise<void>(done => server.listen(0, '127.0.0.1', done))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    headers,
    served,
    gate,
  }
}

function forward(
  target: string,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  fault: Fault,
  served: Served[],
): void {
  const { hostname, port } = new URL(target)
  // The Host header is signed, so it stays the one that the client has sent.
  const { headers } = incoming
  const { method, url: path } = incoming
  const passed = request({ hostname, port, method, path, headers }, answer => {
    const account = { path: path ?? '', bytes: 0 }
    served.push(account)
    if (method === 'GET')
      answer.on('data', (chunk: Buffer) => {
        account.bytes += chunk.length
      })
    const { 'content-range': _range, ...plain } = answer.headers
    if (fault === 'no-range') outgoing.writeHead(200, plain)
    else if (fault === 'other-etag') outgoing.writeHead(206, { ...answer.headers, etag: '"other"' })
    else outgoing.writeHead(answer.statusCode ?? 500, answer.headers)
    if (fault === 'slow') {
      void drip(answer, outgoing)
      return
    }
    if (fault !== 'broken' && fault !== 'short') {
      answer.pipe(outgoing)
      return
    }
    const third = Math.floor(Number(answer.headers['content-length']) / 3)
    let sent = 0
    const end = () => {
      answer.destroy()
      setTimeout(() => (fault === 'broken' ? outgoing.destroy() : outgoing.socket?.end()), 20)
    }
    if (third === 0) {
      outgoing.flushHeaders()
      end()
      return
    }
    answer.on('data', (chunk: Buffer) => {
      if (sent >= third) return
      const part = chunk.subarray(0, third - sent)
      sent += part.length
      outgoing.write(part)
      if (sent >= third) end()
    })
  })
  passed.on('error', () => outgoing.destroy())
  incoming.pipe(passed)
}

/** Sends an answer piece by piece, a moment apart. */
async function drip(answer: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  for await (const chunk of answer) {
    outgoing.write(chunk)
    await new Promise(done => setTimeout(done, 15))
  }
  outgoing.end()
}
