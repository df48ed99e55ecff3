/** What happens when a body is about to be sent: budgets are asked, bytes are counted, and controlled data goes into the audit. */
import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Blob } from '../../storage/blob.ts'
import type { ByteRange } from '../../storage/store.ts'
import { accessOf, addressOf, type Caller, callerOf } from './caller.ts'
import type { DownloadCounts } from './download-counts.ts'
import type { ProxyOrder } from './hand-off.ts'
import { type BlobSubject, subjectOf } from './visible-folder.ts'

/** What is about to be sent of a blob. */
export interface Sending {
  readonly ranges: readonly ByteRange[]
  /** Bytes of the whole body; more than those of the ranges when it says where each of them lies. */
  readonly bodyBytes: number
  /** Set when a front proxy sends them. */
  readonly order?: ProxyOrder | undefined
}

const transfers = new WeakSet<FastifyRequest>()

/** True when data was sent for a request. */
export function hasTransfer(request: FastifyRequest): boolean {
  return transfers.has(request)
}

/**
 * Begins to send bytes of a blob; the account is settled when the answer ends, however it ends.
 *
 * @throws TooMany when a budget is used up
 */
export async function beginTransfer(
  request: FastifyRequest,
  reply: FastifyReply,
  blob: Blob,
  sending: Sending,
): Promise<void> {
  const access = accessOf(request)
  if (access === undefined) return
  transfers.add(request)
  const caller = callerOf(request)
  const address = addressOf(request)
  const bytes = sending.ranges.reduce((sum, { start, end }) => sum + end - start, 0)
  const transfer = await access.limits.begin(address, accountOf(caller), bytes)
  // A client that has gone already closes nothing any more.
  if (reply.raw.destroyed || request.socket.destroyed) {
    transfer.end(0)
    return
  }
  const subject = subjectOf(blob)
  const client = clientOf(request, sending.order)
  const ended = subject && endOf(client, access.counts, subject, { ...sending, size: blob.size })
  const { bodyBytes, order } = sending
  const done = (bodySent: number, whole: boolean) => {
    transfer.end(bodySent)
    ended?.(bodySent, whole)
  }
  if (order === undefined) whenClosed(request.socket, reply.raw, bodyBytes, done)
  else order.watch(reply, { bodyBytes, done, release: () => transfer.end(bytes) })
  if (subject?.controlled !== true) return
  access.trail.note({ actor: caller.name, action: 'read', subject: subject.name, address })
}

/** Who gets an answer, as far as counting needs to know. */
export interface Client {
  readonly socket: Socket
  /** Account or address. */
  readonly asker: string
  readonly agent: string
  /** False when the connection is the one of a proxy. */
  readonly direct: boolean
}

function clientOf(request: FastifyRequest, order: ProxyOrder | undefined): Client {
  const { socket } = request
  const address = addressOf(request)
  return {
    socket,
    asker: accountOf(callerOf(request)) ?? address,
    agent: request.headers['user-agent'] ?? '',
    // The connection of a proxy tells nothing of the client, and some proxies break every one that they need no more.
    direct: order === undefined && address === (socket.remoteAddress ?? ''),
  }
}

/** Notes an answer in the download counts when it has ended. */
function endOf(
  { socket, asker, agent, direct }: Client,
  counts: DownloadCounts,
  { archive, view }: BlobSubject,
  { ranges, size }: Pick<Sending, 'ranges'> & { readonly size: number },
): (bodySent: number, whole: boolean) => void {
  const beganAt = Date.now()
  // Who asks on for more on a connection has got what came before.
  counts.unsettled.settle(socket)
  return (bodySent, whole) => {
    const note = (arrived: boolean) => {
      const endedAt = Date.now()
      // Without a spread: this is done for each small answer.
      counts.note({
        archive,
        view,
        asker,
        agent,
        size,
        ranges,
        bodySent,
        arrived,
        beganAt,
        endedAt,
      })
    }
    if (whole && direct) counts.unsettled.hold(socket, lost => note(!lost))
    else note(whole)
  }
}

/**
 * Sends a short body whole and notes it in the download counts, as `beginTransfer` does of somebody whom no budget limits.
 *
 * @param send - writes head and body
 */
export function countWhole(
  client: Client,
  raw: ServerResponse,
  counts: DownloadCounts,
  { subject, whole }: { readonly subject: BlobSubject; readonly whole: ByteRange },
  send: () => void,
): void {
  const { socket } = client
  const size = whole.end
  const done = endOf(client, counts, subject, { ranges: [whole], size })
  send()
  // Mostly the kernel takes a short answer at once: then there is nothing to wait for.
  if (socket.errored !== null) done(0, false)
  else if (socket.writableLength === 0) done(size, true)
  else whenClosed(socket, raw, size, done, socket.bytesWritten - headBytes(raw) - size)
}

/** Whose budget it is beside the one of the address. */
function accountOf({ tokenId, signed, name }: Caller): string | undefined {
  return tokenId ?? (signed === undefined ? undefined : name)
}

/**
 * Tells how many bytes of a body were handed to the connection once the answer has ended, and whether that was all of it.
 *
 * @param written - bytes that the connection had taken before the answer
 */
function whenClosed(
  socket: Socket,
  raw: ServerResponse,
  bodyBytes: number,
  done: (bodySent: number, whole: boolean) => void,
  written = socket.bytesWritten,
): void {
  let before = written
  // An answer behind another one on its connection begins when that one has ended.
  if (raw.socket === null) {
    raw.once('socket', () => {
      before = socket.bytesWritten
    })
  }
  raw.once('close', () => {
    const sent = socket.bytesWritten - before - headBytes(raw)
    // A connection that cannot tell (requests within the process) has taken it all.
    const whole = raw.writableFinished || Number.isNaN(sent)
    done(whole ? bodyBytes : Math.min(bodyBytes, Math.max(0, sent)), whole)
  })
}

/** Bytes of the status line and the headers. Node keeps them as a text but tells nobody; without it they would count as body. */
function headBytes(raw: ServerResponse): number {
  const head = (raw as { readonly _header?: string | null })._header
  return typeof head === 'string' ? head.length : 0
}
