/** The hooks that watch over every request of an app: who sends it, who may keep the answer, what was refused. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Depot, Generation } from '../../archive/depot.ts'
import type { AccessControl } from './access-control.ts'
import { ANONYMOUS, addressOf, attend, type Caller, callerOf } from './caller.ts'
import { SESSION_COOKIE } from './credentials.ts'
import { deniedSubject, seenSubject } from './denials.ts'
import { hasTransfer } from './transfer.ts'

/** Watches over every request; before any route is registered. */
export function attendRequests(app: FastifyInstance, depot: Depot, access: AccessControl): void {
  app.addHook('onRequest', (request, reply, done) => {
    const { authorization, cookie } = request.headers
    if (authorization === undefined && cookie?.includes(SESSION_COOKIE) !== true) {
      attend(request, access, ANONYMOUS)
      return done()
    }
    access.authenticator.callerOf(request).then(caller => {
      attend(request, access, caller)
      if (caller.tokenId !== undefined) access.trail.used(caller.tokenId)
      if (caller.credentials === 'refused') tellRefused(access, request, reply, caller)
      done()
    }, done)
  })
  app.addHook('onSend', (request, reply, payload, done) => {
    const caller = callerOf(request)
    if (depot.current.access.restricts || caller.credentials === 'valid') {
      restrictCaches(reply, caller)
    }
    done(null, payload)
  })
  app.addHook('onResponse', (request, reply, done) => {
    if (depot.current.access.restricts) watchAnswer(depot.current, access, request, reply)
    done()
  })
}

/** Has the audit find out whether something controlled was asked for or shown. */
function watchAnswer(
  current: Generation,
  access: AccessControl,
  request: FastifyRequest,
  reply: FastifyReply,
): void {
  const { rights, name, credentials } = callerOf(request)
  const denied = reply.statusCode === 404
  // Data has its own row; this is for lists of files, recipes and attributes.
  const seen = reply.statusCode < 300 && credentials === 'valid' && !hasTransfer(request)
  if (!denied && !seen) return
  const { url } = request
  const ip = addressOf(request)
  // Not now: the time this takes would tell the next request of the same client that there was something to find.
  access.trail.later(`${denied} ${name} ${ip} ${url}`, () => {
    const subject = denied ? deniedSubject(current, rights, url) : seenSubject(current, url)
    const action = denied ? 'denied' : 'seen'
    return subject === undefined ? undefined : { actor: name, action, subject, address: ip }
  })
}

/**
 * The answer is the one that anybody gets, so that open data stays open; the header tells the client why it sees no more (RFC 9110,
 * §11.6.1 allows it in any answer).
 */
function tellRefused(
  access: AccessControl,
  request: FastifyRequest,
  reply: FastifyReply,
  { reason = '' }: Caller,
): void {
  reply.header(
    'www-authenticate',
    `Bearer realm="refdepot", error="invalid_token", error_description="${reason}"`,
  )
  const event = { actor: 'anonymous', action: 'credentials-refused', subject: reason } as const
  access.trail.note({ ...event, address: addressOf(request) })
}

/** Different callers get different answers under one URL: shared caches must know, and keep none that was made for one of them. */
function restrictCaches(reply: FastifyReply, caller: Caller): void {
  const vary = String(reply.getHeader('vary') ?? '')
  reply.header('vary', vary === '' ? 'Authorization, Cookie' : `${vary}, Authorization, Cookie`)
  const policy = reply.getHeader('cache-control')
  if (caller.credentials === 'valid' && typeof policy === 'string') {
    reply.header('cache-control', policy.replace(/\bpublic\b/, 'private'))
  }
}
