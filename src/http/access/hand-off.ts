/**
 * Which answers a front proxy sends from its disk in our place.
 *
 * Everything is decided here as always: who may see what, conditions, budgets, the audit. The proxy is told the file, and sends it with the
 * headers that come with the order. Only what it does exactly as we would is handed over: the whole file or one plain range, without
 * conditions.
 *
 * An order goes only to a proxy that is trusted and asks for it (`X-Sendfile-Type`, as of Rack). For nginx it has the status 421 besides, which
 * nginx replaces: whoever else gets to see it gets an error and no empty success.
 */
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Blob } from '../../storage/blob.ts'
import type { FilePlace } from '../../storage/store.ts'
import type { TrustsProxy } from '../trusted-proxies.ts'
import { accessOf } from './caller.ts'
import type { ProxyTransfers, WatchedTransfer } from './proxy-transfers.ts'

/** How files are handed over. */
export interface HandOff {
  /** The header that names the file: nginx takes the first, Apache with mod_xsendfile the second. */
  readonly header: 'x-accel-redirect' | 'x-sendfile'
  /** Path of the internal location of nginx, without a slash at its end. */
  readonly prefix: string
  /** Absolute path of the folder the proxy may read, links resolved. */
  readonly root: string
  readonly trusts: TrustsProxy
  /** Transfers that nginx tells the end of; without it what was handed over counts as sent. */
  readonly transfers?: ProxyTransfers
}

/** What the proxy is told beside the headers of the answer. */
export interface ProxyOrder {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  /** False when the proxy says by itself that it takes ranges. */
  readonly offersRanges: boolean
  /** Watches the transfer; the name it is reported by goes to the proxy. */
  watch(reply: FastifyReply, transfer: WatchedTransfer): void
}

/** A decided answer, as far as it matters here. */
interface Planned {
  readonly status: number
  readonly ranges: readonly { readonly start: number; readonly end: number }[]
  readonly boundary?: string
}

// Names the state of the file to nginx, which takes no headers along but those of its config.
const STATE = 'x-refdepot-file'

// Below this it is no faster (docs/performance.md).
const WORTHWHILE_BYTES = 64 * 1024

// What nginx and we read alike. It neither merges ranges nor takes spaces.
const PLAIN_RANGE = /^bytes=(?:\d{1,15}-\d{0,15}|-\d{1,15})$/i

// The proxy would compare them with its own ETag and times.
const CONDITIONS = [
  'if-match',
  'if-none-match',
  'if-modified-since',
  'if-unmodified-since',
] as const

/** Says to the proxy which file it has to send; undefined when the bytes come from here. */
export function orderFor(
  request: FastifyRequest,
  blob: Blob,
  plan: Planned,
  isData: boolean,
): ProxyOrder | undefined {
  const handOff = accessOf(request)?.handOff
  const { place } = blob
  if (handOff === undefined || place === undefined || place.root !== handOff.root) return undefined
  if (!isData || !isPlain(request, plan) || !asksForIt(request, handOff)) return undefined
  const { header, prefix, root, transfers } = handOff
  const toNginx = header === 'x-accel-redirect'
  return {
    ...(toNginx
      ? { status: 421, headers: { [header]: escaped(prefix, place), [STATE]: stateOf(blob) } }
      : { status: 200, headers: { [header]: escaped(root, place) } }),
    // nginx says of the whole file that it takes ranges, and keeps our word for a range of it.
    offersRanges: !toNginx || plan.status === 206,
    watch: (reply, transfer) => {
      if (transfers === undefined) return countAtOnce(reply, transfer)
      const name = transfers.begin(transfer)
      reply.header('x-refdepot-transfer', name)
      // A proxy that did not even take the order sends nothing.
      reply.raw.once('close', () => {
        if (!reply.raw.writableFinished) transfers.end(name, 0, false)
      })
    },
  }
}

function countAtOnce({ raw }: FastifyReply, { bodyBytes, done }: WatchedTransfer): void {
  raw.once('close', () => {
    const taken = raw.writableFinished
    done(taken ? bodyBytes : 0, taken)
  })
}

function isPlain({ method, headers }: FastifyRequest, { status, ranges, boundary }: Planned) {
  const [range] = ranges
  if (method !== 'GET' || range === undefined || boundary !== undefined) return false
  if (range.end - range.start < WORTHWHILE_BYTES) return false
  if (CONDITIONS.some(name => headers[name] !== undefined)) return false
  return status === 206 ? PLAIN_RANGE.test(headers.range ?? '') : headers.range === undefined
}

function asksForIt({ headers, socket }: FastifyRequest, { header, trusts }: HandOff): boolean {
  return (
    String(headers['x-sendfile-type'] ?? '').toLowerCase() === header &&
    trusts(socket.remoteAddress, 0)
  )
}

/** Both kinds of proxies unescape what they are told. */
function escaped(folder: string, { path }: FilePlace): string {
  const segments = (text: string) => text.split('/').map(encodeURIComponent).join('/')
  return `${segments(folder)}/${segments(path)}`
}

/**
 * Size and time of the file as the ETag of nginx says them. When the file was replaced between us and nginx, the two differ, and the config
 * (docker/nginx-sendfile.conf) leaves out what we have said of the file.
 */
function stateOf({ size, modified }: Blob): string {
  const seconds = Math.floor((modified as Date).getTime() / 1000)
  return `"${seconds.toString(16)}-${size.toString(16)}"`
}
