/** A server of a few files with ranges, whose answers a test may spoil. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Test } from 'tap'

/** What a request asks for. */
interface Asked {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  /** Number of the request, from 0. */
  readonly number: number
  /** 0-based, half-open; undefined without a range. */
  readonly range?: { readonly start: number; readonly end: number }
}

/** True: the hook has answered itself. */
export type Hook = (asked: Asked) => boolean | Promise<boolean>

/** See the head of this file. */
export interface RangeServer {
  readonly url: string
  /** Bytes of bodies that were sent by this server itself. */
  sent(): number
  /** Method, path, range and credentials of all requests. */
  readonly requests: {
    readonly path: string
    readonly range: string | undefined
    readonly authorization: string | undefined
  }[]
  /** Spoils answers from now on. */
  hook: Hook | undefined
}

/** Serves files by path (`/name`). */
export async function rangeServer(
  t: Test,
  files: Readonly<Record<string, Buffer>>,
  hook?: Hook,
): Promise<RangeServer> {
  let sent = 0
  const requests: RangeServer['requests'] = []
  const server = createServer(async (request, response) => {
    const number = requests.length
    const { range: asked, authorization } = request.headers
    requests.push({ path: request.url ?? '', range: asked, authorization })
    const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(asked ?? '') ?? []
    const range = from === undefined ? undefined : { start: Number(from), end: Number(to) + 1 }
    if (await state.hook?.({ request, response, number, ...(range && { range }) })) return
    const content = files[decodeURIComponent((request.url ?? '').replace(/\?.*$/, '').slice(1))]
    if (content === undefined) {
      response.writeHead(404).end('not here')
      return
    }
    sent += sendRange(response, content, range)
  })
  server.listen(0, '127.0.0.1')
  await new Promise(done => server.once('listening', done))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const state: RangeServer = { url, sent: () => sent, requests, hook }
  return state
}

/** Sends a range as a good server does; answers its bytes. */
export function sendRange(
  response: ServerResponse,
  content: Buffer,
  range?: { readonly start: number; readonly end: number },
): number {
  const { start, end } = range ?? { start: 0, end: content.length }
  const body = content.subarray(start, end)
  response.writeHead(range === undefined ? 200 : 206, {
    'content-length': body.length,
    ...(range && {
      'content-range': `bytes ${start}-${Math.min(end, content.length) - 1}/${content.length}`,
    }),
  })
  response.end(body)
  return body.length
}
