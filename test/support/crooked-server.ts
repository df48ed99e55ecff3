/** A server of files that does everything right but what a test wants wrong. */
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { gzipSync } from 'node:zlib'
import type { Test } from 'tap'

/** What is wrong with it. */
export interface Faults {
  readonly ignoresRange?: boolean
  /** Ranges that end behind the file are refused. */
  readonly refusesLongRanges?: boolean
  /** Ranges that begin behind the file get the whole one. */
  readonly forgets416?: boolean
  readonly shiftsRanges?: boolean
  readonly ignoresIfRange?: boolean
  readonly compresses?: boolean
  readonly chunked?: boolean
  readonly noCors?: boolean
  /** CORS headers with 2xx only, as nginx does without `always`. */
  readonly noCorsOnErrors?: boolean
  readonly noPreflight?: boolean
  readonly noExpose?: boolean
  readonly headStatus?: number
  readonly etag?: 'none' | 'weak' | 'changing' | 'time'
  /** Milliseconds that its clock is off. */
  readonly skewMs?: number
  readonly html?: boolean
  readonly token?: string
  /** The path below this one is redirected there. */
  readonly redirect?: { readonly from: string; readonly to: string }
  readonly wrongDigest?: boolean
  readonly via?: string
  readonly noDate?: boolean
  /** By path: answers that are wrong in a way of their own. */
  readonly answers?: Readonly<
    Record<string, (request: IncomingMessage, reply: ServerResponse) => void>
  >
  /** Value of `Server`. */
  readonly software?: string
}

/** A request as it arrived. */
export interface Arrived {
  readonly method: string
  readonly path: string
  readonly headers: IncomingMessage['headers']
}

/** A running server. */
export interface CrookedServer {
  readonly url: string
  readonly arrived: Arrived[]
}

/** Starts it with files by their path. */
export async function crookedServer(
  t: Test,
  files: Readonly<Record<string, Buffer>>,
  faults: Faults = {},
): Promise<CrookedServer> {
  const arrived: Arrived[] = []
  const server = createServer((request, reply) => {
    const { method = '', url = '', headers } = request
    arrived.push({ method, path: url, headers })
    answer(request, reply, { files, faults })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as { port: number }
  return { url: `http://127.0.0.1:${port}`, arrived }
}

interface Answering {
  readonly files: Readonly<Record<string, Buffer>>
  readonly faults: Faults
}

function answer(
  request: IncomingMessage,
  reply: ServerResponse,
  { files, faults }: Answering,
): void {
  const path = (request.url ?? '').split('?')[0] ?? ''
  const content = files[path]
  heads(reply, faults, content !== undefined)
  const { redirect, answers } = faults
  const own = answers?.[path]
  const { authorization } = request.headers
  if (own !== undefined) own(request, reply)
  else if (request.method === 'OPTIONS') preflight(reply, faults)
  else if (redirect !== undefined && path.startsWith(redirect.from)) {
    reply.writeHead(302, { location: redirect.to + path.slice(redirect.from.length) }).end()
  } else if (faults.token !== undefined && authorization !== `Bearer ${faults.token}`) {
    reply.writeHead(401, { 'www-authenticate': 'Bearer' }).end()
  } else if (content === undefined) reply.writeHead(404).end('nothing')
  else if (faults.html === true) {
    reply.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><p>Log in')
  } else if (request.method === 'HEAD' && faults.headStatus !== undefined) {
    reply.writeHead(faults.headStatus).end()
  } else deliver(request, reply, content, faults)
}

/** Headers of every answer. */
function heads(reply: ServerResponse, faults: Faults, found: boolean): void {
  reply.sendDate = false
  const now = new Date(Date.now() + (faults.skewMs ?? 0))
  if (faults.noDate !== true) reply.setHeader('date', now.toUTCString())
  if (faults.software !== undefined) reply.setHeader('server', faults.software)
  if (faults.via !== undefined) reply.setHeader('via', faults.via)
  if (faults.noCors === true || (faults.noCorsOnErrors === true && !found)) return
  reply.setHeader('access-control-allow-origin', '*')
  if (faults.noExpose === true) return
  reply.setHeader('access-control-expose-headers', 'Content-Range, ETag, Accept-Ranges')
}

function preflight(reply: ServerResponse, { noPreflight }: Faults): void {
  if (noPreflight === true) reply.writeHead(405)
  else reply.writeHead(204, { 'access-control-allow-headers': 'authorization, range' })
  reply.end()
}

let served = 0

function etagOf(content: Buffer, { etag }: Faults): string | undefined {
  served += 1
  const md5 = createHash('md5').update(content).digest('hex')
  const forms = {
    none: undefined,
    weak: `W/"${md5}"`,
    changing: `"${served}"`,
    time: `"6920f00d-${content.length.toString(16)}"`,
  }
  return etag === undefined ? `"${md5}"` : forms[etag]
}

function deliver(
  { headers, method }: IncomingMessage,
  reply: ServerResponse,
  content: Buffer,
  faults: Faults,
): void {
  const etag = etagOf(content, faults)
  if (etag !== undefined) reply.setHeader('etag', etag)
  reply.setHeader('accept-ranges', 'bytes')
  reply.setHeader('content-type', 'application/octet-stream')
  reply.setHeader('last-modified', 'Sat, 21 Nov 2026 04:16:35 GMT')
  const hash = createHash('sha256').update(faults.wrongDigest === true ? 'other' : content)
  reply.setHeader('repr-digest', `sha-256=:${hash.digest('base64')}:`)
  const end = (body: Buffer) => reply.end(method === 'HEAD' ? undefined : body)
  const part = faults.ignoresRange === true ? undefined : partOf(headers, content, etag, faults)
  if (part === 'beyond') {
    reply.writeHead(416, { 'content-range': `bytes */${content.length}` }).end()
  } else if (part !== undefined) {
    const [first, last] = part
    const shift = faults.shiftsRanges === true && first > 0 ? 1 : 0
    const range = `bytes ${first}-${last}/${content.length}`
    reply.writeHead(206, { 'content-range': range, 'content-length': last - first + 1 })
    end(content.subarray(first - shift, last + 1 - shift))
  } else if (faults.compresses === true && /gzip/.test(String(headers['accept-encoding']))) {
    const packed = gzipSync(content)
    reply.writeHead(200, { 'content-encoding': 'gzip', 'content-length': packed.length })
    end(packed)
  } else if (faults.chunked === true) {
    reply.writeHead(200, { 'transfer-encoding': 'chunked' })
    end(content)
  } else {
    reply.writeHead(200, { 'content-length': content.length })
    end(content)
  }
}

function partOf(
  headers: IncomingMessage['headers'],
  { length }: Buffer,
  etag: string | undefined,
  faults: Faults,
): readonly [number, number] | 'beyond' | undefined {
  const condition = headers['if-range']
  if (condition !== undefined && condition !== etag && faults.ignoresIfRange !== true) return
  const [, begin = '', end = ''] = /^bytes=(\d*)-(\d*)$/.exec(headers.range ?? '') ?? []
  if (begin === '' && end === '') return undefined
  if (begin === '') return [length - Number(end), length - 1]
  const first = Number(begin)
  if (first >= length) return faults.forgets416 === true ? undefined : 'beyond'
  if (Number(end) >= length && faults.refusesLongRanges === true) return 'beyond'
  return [first, end === '' ? length - 1 : Math.min(Number(end), length - 1)]
}
