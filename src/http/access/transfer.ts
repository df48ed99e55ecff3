/** What happens when a body is about to be sent: budgets are asked, and controlled data goes into the audit. */
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Blob } from '../../storage/blob.ts'
import { accessOf, addressOf, callerOf } from './caller.ts'
import { subjectOf } from './visible-folder.ts'

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
export function beginTransfer(
  request: FastifyRequest,
  reply: FastifyReply,
  blob: Blob,
  bytes: number,
): void {
  const access = accessOf(request)
  if (access === undefined) return
  transfers.add(request)
  const { name, tokenId, signed } = callerOf(request)
  const account = tokenId ?? (signed === undefined ? undefined : name)
  const address = addressOf(request)
  const transfer = access.limits.begin(address, account, bytes)
  const { socket } = request
  // A client that has gone already closes nothing any more.
  if (reply.raw.destroyed || socket.destroyed) {
    transfer.end(0)
    return
  }
  const before = socket.bytesWritten
  reply.raw.once('close', () => {
    // A connection that cannot tell (requests within the process) has taken it all.
    const sent = socket.bytesWritten - before
    transfer.end(Number.isNaN(sent) ? bytes : sent)
  })
  const subject = subjectOf(blob)
  if (subject?.controlled !== true) return
  access.trail.note({ actor: name, action: 'read', subject: subject.name, address })
}
