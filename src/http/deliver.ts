/**
 * Turns a request and a blob into status, headers and body: the only place that knows of ranges, conditions and lengths.
 *
 * The decision is a value (`planDelivery`), so that every rule is testable without a socket; `deliver` writes it.
 */
import { randomBytes } from 'node:crypto'
import { Readable } from 'node:stream'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Blob } from '../storage/blob.ts'
import type { ByteRange } from '../storage/store.ts'
import { orderFor, type ProxyOrder } from './access/hand-off.ts'
import { placeInStore } from './access/store-redirect.ts'
import { beginTransfer } from './access/transfer.ts'
import { parseRange } from './byte-ranges.ts'
import { type ContentCoding, codedForm, hasCodings } from './content-codings.ts'
import { evaluate, rangeStillValid } from './preconditions.ts'
import { offerRepeat, type Repeatable } from './repeated-answers.ts'

/** How an answer may be kept: for ever (its URL names its digest), asked for again each time, or not at all (it holds a secret). */
type CachePolicy = 'immutable' | 'revalidate' | 'no-store'

/** What a route says about an answer, beside the blob. */
export interface DeliveryOptions {
  readonly cache?: CachePolicy
  /** Name for `Content-Disposition: attachment`. */
  readonly filename?: string
  /** Name of the request header the answer depends on. */
  readonly vary?: string
  /** Value of `Link`: what describes the answer. */
  readonly links?: string | undefined
  /** True for archives and files: nobody on the way may re-encode them. */
  readonly data?: boolean
  /** True when the bytes must come from here, whatever the store could do. */
  readonly staysHere?: boolean
  /** How the bytes of the blob are compressed; ranges of it are not offered. */
  readonly coding?: ContentCoding
  /** Set by routes whose answer may be given again without asking them. */
  readonly repeat?: Repeatable | undefined
  /** 200 unless the answer is an error page or a problem. */
  readonly status?: number
}

/** A decided answer. */
export interface DeliveryPlan {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  /** Ranges to send one after the other; empty for an answer without body. */
  readonly ranges: readonly ByteRange[]
  /** Set when the ranges are parts of a `multipart/byteranges` body. */
  readonly boundary?: string
}

const CACHE_CONTROL: Readonly<Record<CachePolicy, string>> = {
  immutable: 'public, max-age=31536000, immutable',
  revalidate: 'public, no-cache',
  'no-store': 'no-store',
}

// A body up to this size is read in one piece: a stream costs more than it saves.
const SMALL = 64 * 1024
// Parts of a multipart body are read in pieces, so that memory stays flat.
const PIECE = 1024 * 1024

/** Everything about the answer but its bytes. */
export function planDelivery(
  headers: FastifyRequest['headers'],
  blob: Blob,
  options: DeliveryOptions = {},
): DeliveryPlan {
  const common = commonHeaders(blob, options)
  if (options.status !== undefined && options.status !== 200)
    return whole(blob, common, options.status)
  const outcome = evaluate(headers, blob)
  if (outcome === 'failed') return bodiless(412, common)
  if (outcome === 'not-modified') return { status: 304, headers: common, ranges: [] }
  const asked =
    options.coding === undefined && rangeStillValid(headers, blob)
      ? parseRange(headers.range, blob.size)
      : ({ kind: 'whole' } as const)
  if (asked.kind === 'whole') return whole(blob, common, 200)
  if (asked.kind === 'unsatisfiable') {
    return bodiless(416, { ...common, 'content-range': `bytes */${blob.size}` })
  }
  const [first, ...more] = asked.ranges
  if (first !== undefined && more.length === 0) return single(blob, common, first)
  return multipart(blob, common, asked.ranges)
}

/** Sends a blob as the request asks for it and lets go of it. */
export async function deliver(
  request: FastifyRequest,
  reply: FastifyReply,
  blob: Blob,
  options: DeliveryOptions = {},
): Promise<FastifyReply> {
  if (!hasCodings(blob)) return deliverForm(request, reply, blob, options)
  const accepted = request.headers['accept-encoding'] as string | undefined
  const form = await codedForm(blob, accepted)
  const vary = options.vary === undefined ? 'Accept-Encoding' : `${options.vary}, Accept-Encoding`
  const { coding } = form ?? {}
  const more = { ...options, vary, ...(coding !== undefined && { coding }) }
  return deliverForm(request, reply, form?.blob ?? blob, more)
}

async function deliverForm(
  request: FastifyRequest,
  reply: FastifyReply,
  blob: Blob,
  options: DeliveryOptions,
): Promise<FastifyReply> {
  const plan = planDelivery(request.headers, blob, options)
  const elsewhere = await placeInStore(request, blob, plan.ranges, options)
  if (elsewhere !== undefined) return redirect(reply, blob, elsewhere)
  const order = orderFor(request, blob, plan, options.data === true)
  if (order !== undefined) return handOver(request, reply, blob, plan, order)
  reply.code(plan.status).headers(plan.headers)
  if (request.method === 'HEAD' || plan.ranges.length === 0) {
    await blob.close()
    // A stream keeps the announced length: the framework would count the bytes of anything else.
    return reply.send(plan.status === 304 ? '' : Readable.from([]))
  }
  if (options.data === true) await begin(request, reply, blob, plan)
  const repeat = plan.status === 200 ? options.repeat : undefined
  if (plan.status === 200 && blob.text !== undefined) {
    if (repeat !== undefined) offerRepeat(request, blob, repeat, Buffer.from(blob.text))
    return sendText(reply, blob.text)
  }
  const [range] = plan.ranges
  if (plan.boundary === undefined && range !== undefined)
    return sendRange(request, reply, blob, range, repeat)
  return reply.send(watched(request, Readable.from(multipartBody(blob, plan))))
}

/** Sends the caller to the store. The address is for this caller and this moment, so nobody keeps it. */
async function redirect(reply: FastifyReply, blob: Blob, location: string): Promise<FastifyReply> {
  await blob.close()
  return reply
    .code(307)
    .headers({ location, 'cache-control': 'no-store', 'content-length': '0' })
    .send('')
}

/** Has the front proxy send the file: it gets the headers of the answer, but for those that it works out itself. */
async function handOver(
  request: FastifyRequest,
  reply: FastifyReply,
  blob: Blob,
  plan: DeliveryPlan,
  order: ProxyOrder,
): Promise<FastifyReply> {
  await begin(request, reply, blob, plan, order)
  await blob.close()
  reply.code(order.status).headers(plan.headers).headers(order.headers)
  if (!order.offersRanges) reply.removeHeader('accept-ranges')
  return reply.removeHeader('content-range').header('content-length', '0').send('')
}

/** Asks the budgets of the caller, for data only: lists and errors are always answered. */
async function begin(
  request: FastifyRequest,
  reply: FastifyReply,
  blob: Blob,
  plan: DeliveryPlan,
  order?: ProxyOrder,
): Promise<void> {
  try {
    const { ranges, headers } = plan
    const bodyBytes = Number(headers['content-length'])
    await beginTransfer(request, reply, blob, { ranges, bodyBytes, order })
  } catch (error) {
    await blob.close()
    throw error
  }
}

/** Takes back what a delivery has announced, when an error is answered in its place. */
export function forgetDelivery(reply: FastifyReply): void {
  for (const name of [
    'etag',
    'content-length',
    'content-range',
    'accept-ranges',
    'repr-digest',
    'last-modified',
    'content-disposition',
    'cache-control',
    'content-encoding',
    'link',
  ]) {
    reply.removeHeader(name)
  }
}

/** Sends a short text: in one write with its headers. */
function sendText(reply: FastifyReply, body: string): FastifyReply {
  // Without a serializer the framework would name a charset in the type of JSON, which has none (RFC 8259 §11).
  return reply.serializer(asIs).send(body)
}

function asIs(body: unknown): string {
  return body as string
}

async function sendRange(
  request: FastifyRequest,
  reply: FastifyReply,
  blob: Blob,
  range: ByteRange,
  repeat: Repeatable | undefined,
): Promise<FastifyReply> {
  if (range.end - range.start > SMALL) return reply.send(watched(request, blob.stream(range)))
  try {
    const bytes = await blob.bytes(range)
    if (repeat !== undefined) offerRepeat(request, blob, repeat, bytes)
    return reply.send(bytes)
  } finally {
    await blob.close()
  }
}

/** A body that fails breaks the connection (never a short success); the reason goes to the log. */
function watched(request: FastifyRequest, body: Readable): Readable {
  body.on('error', error => {
    const gone = (error as NodeJS.ErrnoException).code === 'ERR_STREAM_PREMATURE_CLOSE'
    if (!gone) request.log.error({ err: error }, 'the answer was broken off')
  })
  return body
}

function commonHeaders(blob: Blob, options: DeliveryOptions): Record<string, string> {
  const policy = CACHE_CONTROL[options.cache ?? 'revalidate']
  const headers: Record<string, string> = {
    'content-type': blob.mediaType,
    etag: `"${blob.etag}"`,
    'accept-ranges': 'bytes',
    'cache-control': options.data === true ? `${policy}, no-transform` : policy,
  }
  if (options.coding !== undefined) {
    headers['content-encoding'] = options.coding
    headers['accept-ranges'] = 'none'
  }
  if (options.vary !== undefined) headers.vary = options.vary
  if (options.links !== undefined) headers.link = options.links
  if (blob.modified !== undefined) headers['last-modified'] = blob.modified.toUTCString()
  if (blob.digests.sha256 !== undefined) {
    // RFC 9530: the digest of the whole representation, also on a part of it.
    const base64 = Buffer.from(blob.digests.sha256, 'hex').toString('base64')
    headers['repr-digest'] = `sha-256=:${base64}:`
  }
  if (options.filename !== undefined) {
    headers['content-disposition'] = attachment(options.filename)
  }
  return headers
}

/** RFC 6266: a plain name for every client, and the true one for names that are not plain. */
function attachment(name: string): string {
  const plain = name.replace(/[^\x20-\x7e]|["\\]/g, '_')
  if (plain === name) return `attachment; filename="${name}"`
  const encoded = encodeURIComponent(name).replace(
    /['()*]/g,
    mark => `%${mark.charCodeAt(0).toString(16)}`,
  )
  return `attachment; filename="${plain}"; filename*=UTF-8''${encoded}`
}

function bodiless(status: number, headers: Record<string, string>): DeliveryPlan {
  return { status, headers: { ...headers, 'content-length': '0' }, ranges: [] }
}

function whole(blob: Blob, headers: Record<string, string>, status: number): DeliveryPlan {
  return {
    status,
    headers: { ...headers, 'content-length': String(blob.size) },
    ranges: blob.size > 0 ? [{ start: 0, end: blob.size }] : [],
  }
}

function single(blob: Blob, headers: Record<string, string>, range: ByteRange): DeliveryPlan {
  return {
    status: 206,
    headers: {
      ...headers,
      'content-range': contentRange(range, blob.size),
      'content-length': String(range.end - range.start),
    },
    ranges: [range],
  }
}

function multipart(
  blob: Blob,
  headers: Record<string, string>,
  ranges: readonly ByteRange[],
): DeliveryPlan {
  const boundary = randomBytes(13).toString('hex')
  const heads = ranges.map(range => partHead(boundary, blob, range))
  const length =
    heads.reduce((sum, head) => sum + head.length, 0) +
    ranges.reduce((sum, range) => sum + (range.end - range.start) + 2, 0) +
    closing(boundary).length
  return {
    status: 206,
    headers: {
      ...headers,
      'content-type': `multipart/byteranges; boundary=${boundary}`,
      'content-length': String(length),
    },
    ranges,
    boundary,
  }
}

async function* multipartBody(blob: Blob, plan: DeliveryPlan): AsyncGenerator<Buffer> {
  const boundary = plan.boundary as string
  try {
    for (const range of plan.ranges) {
      yield partHead(boundary, blob, range)
      for (let start = range.start; start < range.end; start += PIECE) {
        yield await blob.bytes({ start, end: Math.min(start + PIECE, range.end) })
      }
      yield Buffer.from('\r\n')
    }
    yield closing(boundary)
  } finally {
    await blob.close()
  }
}

function partHead(boundary: string, blob: Blob, range: ByteRange): Buffer {
  const lines = [
    `--${boundary}`,
    `Content-Type: ${blob.mediaType}`,
    `Content-Range: ${contentRange(range, blob.size)}`,
  ]
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`)
}

// Without a line end behind it, as the peer writes it.
function closing(boundary: string): Buffer {
  return Buffer.from(`--${boundary}--`)
}

function contentRange(range: ByteRange, size: number): string {
  return `bytes ${range.start}-${range.end - 1}/${size}`
}
