/** Logging in and out with a browser, and what other services ask about tokens. */

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { Forbidden, LoginRequired } from '../../domain/access-errors.ts'
import { Type } from '../../domain/schema.ts'
import type { AccessControl } from '../access/access-control.ts'
import { addressOf, type Caller, callerOf } from '../access/caller.ts'
import { SESSION_COOKIE, tokenCredential } from '../access/credentials.ts'
import { demandSameOrigin } from '../access/same-origin.ts'
import { html, json } from '../answers.ts'
import type { RouteParts } from '../app-settings.ts'
import { deliver } from '../deliver.ts'
import { loginPage } from '../pages/login-page.ts'
import { pageSettings } from '../pages/pages.ts'
import { responseOf } from '../schemas.ts'

// A login lasts a working day, and never longer than its token.
const SESSION_SECONDS = 12 * 3600
const BODY_LIMIT = 64 * 1024
// Pages about logins are made for one browser.
const PRIVATE = { cache: 'no-store' } as const

interface LoginForm {
  readonly token: string
  readonly next?: string
}

const LOGIN_FORM = Type.Object({
  token: Type.String({ minLength: 1, maxLength: 8192 }),
  next: Type.Optional(Type.String({ maxLength: 2048 })),
})
const INTROSPECT_FORM = Type.Object({ token: Type.String({ minLength: 1, maxLength: 8192 }) })

/** Registers `/login`, `/logout` and `/auth/introspect`. */
export function loginRoutes(app: FastifyInstance, parts: RouteParts, access: AccessControl): void {
  app.get('/login', { schema: { hide: true } }, (request, reply) => {
    const { next } = request.query as { next?: string }
    return showLogin(parts, request, reply, { next: ownPath(next) })
  })
  const loginSchema = { hide: true, body: LOGIN_FORM }
  app.post('/login', { schema: loginSchema, bodyLimit: BODY_LIMIT }, (request, reply) =>
    logIn(parts, access, request, reply),
  )
  app.post('/logout', { schema: { hide: true }, bodyLimit: BODY_LIMIT }, (request, reply) =>
    logOut(parts, access, request, reply),
  )
  const schema = {
    operationId: 'introspect',
    summary: 'What a token is worth',
    description:
      'RFC 7662, for other services. It needs a token with the scope `introspect` or `admin`; every token may ask about itself.',
    tags: ['Admin'],
    consumes: ['application/x-www-form-urlencoded'],
    body: INTROSPECT_FORM,
    response: {
      200: responseOf(
        'Whether it counts, and for what',
        'application/json',
        Type.Object({ active: Type.Boolean() }, { additionalProperties: true }),
      ),
    },
  }
  app.post('/auth/introspect', { schema, bodyLimit: BODY_LIMIT }, async (request, reply) => {
    const { token } = request.body as { token: string }
    return deliver(request, reply, json(await introspected(access, request, token)), PRIVATE)
  })
}

async function logIn(
  parts: RouteParts,
  access: AccessControl,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  demandSameOrigin(parts, request)
  const { token, next } = request.body as LoginForm
  const caller = await access.authenticator.check(
    { kind: 'token', value: token.trim() },
    addressOf(request),
  )
  const { tokenId } = caller
  if (tokenId === undefined) {
    const event = { actor: 'anonymous', action: 'credentials-refused', subject: 'login' } as const
    access.trail.note({ ...event, address: addressOf(request) })
    const problem = `This token is not accepted: ${caller.reason}.`
    return showLogin(parts, request, reply, { next: ownPath(next), problem })
  }
  const state = await access.state.open()
  const { expiresAt } = (await state.tokens.byId(tokenId)) ?? {}
  const longest = Date.now() + SESSION_SECONDS * 1000
  const until = new Date(Math.min(expiresAt?.getTime() ?? longest, longest))
  const cookie = await state.sessions.start(tokenId, until)
  access.trail.note({
    actor: caller.name,
    action: 'login',
    subject: 'browser',
    address: addressOf(request),
  })
  return reply
    .setCookie(SESSION_COOKIE, cookie, { ...cookieOptions(parts, request), expires: until })
    .header('cache-control', 'no-store')
    .redirect(`${parts.settings.basePath}${ownPath(next)}`, 303)
}

async function logOut(
  parts: RouteParts,
  access: AccessControl,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  demandSameOrigin(parts, request)
  const { cookie, name } = callerOf(request)
  if (cookie !== undefined) {
    await (await access.state.open()).sessions.end(cookie)
    access.trail.note({
      actor: name,
      action: 'logout',
      subject: 'browser',
      address: addressOf(request),
    })
  }
  return reply
    .clearCookie(SESSION_COOKIE, cookieOptions(parts, request))
    .redirect(`${parts.settings.basePath}/login`, 303)
}

function showLogin(
  parts: RouteParts,
  request: FastifyRequest,
  reply: FastifyReply,
  facts: { next: string; problem?: string },
): Promise<FastifyReply> {
  const page = loginPage(pageSettings(parts, request), facts)
  const status = facts.problem === undefined ? {} : { status: 401 }
  return deliver(request, reply, html(page), { ...PRIVATE, ...status })
}

/** For this server only, not for scripts, and not sent along when another site posts a form here. */
function cookieOptions(parts: RouteParts, request: FastifyRequest) {
  return {
    path: parts.settings.basePath || '/',
    httpOnly: true,
    sameSite: 'lax',
    secure: parts.absolute(request, '/').startsWith('https:'),
  } as const
}

/** A path of this server to go on to; anything else becomes the list of genomes. */
function ownPath(next: string | undefined): string {
  return next !== undefined && /^\/(?![/\\])[\x21-\x7e]*$/.test(next) ? next : '/genomes'
}

async function introspected(
  access: AccessControl,
  request: FastifyRequest,
  token: string,
): Promise<object> {
  const asking = callerOf(request)
  if (asking.credentials !== 'valid') throw new LoginRequired()
  const asked = await access.authenticator.check(tokenCredential(token), addressOf(request))
  const isSelf = asked.credentials === 'valid' && asked.name === asking.name
  if (!isSelf && !asking.rights.mayIntrospect) {
    throw new Forbidden('this needs a token with the scope introspect')
  }
  access.trail.note({
    actor: asking.name,
    action: 'introspected',
    subject: asked.credentials === 'valid' ? asked.name : 'a token that does not count',
    address: addressOf(request),
  })
  if (asked.credentials !== 'valid') return { active: false }
  return { active: true, token_type: 'Bearer', ...(await claimsOf(access, asked)) }
}

/** RFC 7662 §2.2; times are seconds since 1970. */
async function claimsOf(access: AccessControl, caller: Caller): Promise<object> {
  const seconds = (date: Date) => Math.floor(date.getTime() / 1000)
  const record =
    caller.tokenId === undefined
      ? undefined
      : await (await access.state.open()).tokens.byId(caller.tokenId)
  if (record === undefined) {
    const { scopes = [], until = 0 } = caller.signed ?? {}
    return { scope: scopes.join(' '), sub: caller.name, exp: Math.floor(until / 1000) }
  }
  return {
    scope: record.scopes.join(' '),
    sub: record.name,
    username: record.name,
    jti: record.id,
    iat: seconds(record.createdAt),
    ...(record.expiresAt && { exp: seconds(record.expiresAt) }),
  }
}
