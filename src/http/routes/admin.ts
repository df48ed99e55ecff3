/** Routes of administrators: tokens and the audit, as pages for browsers and as JSON. */

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { Forbidden, LoginRequired } from '../../domain/access-errors.ts'
import { DURATION_FORMS, parseDuration } from '../../domain/duration.ts'
import { InvalidParameter } from '../../domain/errors.ts'
import { Type } from '../../domain/schema.ts'
import type { State } from '../../state/open-state.ts'
import { expiryOf, tokenJson } from '../../state/token-form.ts'
import type { AccessControl } from '../access/access-control.ts'
import { addressOf, callerOf } from '../access/caller.ts'
import { demandSameOrigin } from '../access/same-origin.ts'
import { html, json } from '../answers.ts'
import type { RouteParts } from '../app-settings.ts'
import { deliver } from '../deliver.ts'
import { wantsPage } from '../negotiate.ts'
import { auditPage, type ShownToken, tokensPage } from '../pages/admin-pages.ts'
import { pageSettings } from '../pages/pages.ts'
import { parametersOf, responseOf } from '../schemas.ts'

const BODY_LIMIT = 64 * 1024
const MOST_AUDIT_ROWS = 10_000
const PRIVATE = { cache: 'no-store', vary: 'Accept' } as const

const TOKEN_FORM = Type.Object({
  name: Type.String({ maxLength: 100 }),
  scopes: Type.Union([
    Type.Array(Type.String({ maxLength: 600 }), { maxItems: 100 }),
    Type.String({ description: 'Several with blanks between them', maxLength: 60_000 }),
  ]),
  expires: Type.Optional(
    Type.String({ description: '`30d`, `12h` or `never`; 365 days without it', maxLength: 12 }),
  ),
})

interface TokenForm {
  readonly name: string
  readonly scopes: string | string[]
  readonly expires?: string
}

interface Admin {
  readonly state: State
  readonly by: string
}

type Handler = (admin: Admin, request: FastifyRequest, reply: FastifyReply) => Promise<FastifyReply>

/** Registers the routes of administrators. */
export function adminRoutes(app: FastifyInstance, parts: RouteParts, access: AccessControl): void {
  /** Every one of these routes asks for the right first. */
  const guarded =
    (handler: Handler) =>
    async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
      const { credentials, rights, name } = callerOf(request)
      if (request.method !== 'GET' && request.method !== 'HEAD') demandSameOrigin(parts, request)
      if (credentials !== 'valid') {
        if (!wantsPage(request)) throw new LoginRequired()
        const next = encodeURIComponent(request.url)
        return reply.redirect(`${parts.settings.basePath}/login?next=${next}`, 303)
      }
      if (!rights.isAdmin) throw new Forbidden('this needs a token with the scope admin')
      return handler({ state: await access.state.open(), by: name }, request, reply)
    }
  const options = (operationId: string, summary: string, more: object = {}) => ({
    bodyLimit: BODY_LIMIT,
    schema: { operationId, summary, description: `${summary}.`, tags: ['Admin'], ...more },
  })
  const record = { 200: responseOf('The token', 'application/json', TOKEN_RECORD) }
  const params = parametersOf('/{name}')

  const list = options('list_tokens', 'All tokens', { response: { 200: listResponse() } })
  app.get('/admin/tokens', list, guarded(listTokens(parts)))
  const create = options('create_token', 'Make a token; it is shown this once', {
    body: TOKEN_FORM,
    response: { 201: responseOf('The token with its secret', 'application/json', TOKEN_RECORD) },
  })
  app.post('/admin/tokens', create, guarded(createToken(parts)))
  app.get(
    '/admin/tokens/:name',
    options('get_token', 'One token', { params, response: record }),
    guarded(async ({ state }, request, reply) => {
      const { name } = request.params as { name: string }
      return deliver(request, reply, json(tokenJson(await state.tokens.named(name))), PRIVATE)
    }),
  )
  app.delete(
    '/admin/tokens/:name',
    options('revoke_token', 'Revoke a token', { params, response: record }),
    guarded(async ({ state, by }, request, reply) => {
      const { name } = request.params as { name: string }
      const revoked = await state.tokens.revoke(name, by)
      return deliver(request, reply, json(tokenJson(revoked)), PRIVATE)
    }),
  )
  // A form knows no DELETE.
  app.post(
    '/admin/tokens/:name/revoke',
    { bodyLimit: BODY_LIMIT, schema: { hide: true, params } },
    guarded(async ({ state, by }, request, reply) => {
      const { name } = request.params as { name: string }
      await state.tokens.revoke(name, by)
      return reply.redirect(`${parts.settings.basePath}/admin/tokens`, 303)
    }),
  )
  const audit = options('read_audit', 'Who did what', {
    querystring: AUDIT_QUERY,
    response: { 200: auditResponse() },
  })
  app.get('/admin/audit', audit, guarded(readAudit(parts, access)))
}

function listTokens(parts: RouteParts): Handler {
  return async ({ state }, request, reply) => {
    const tokens = await state.tokens.list()
    const blob = wantsPage(request)
      ? html(tokensPage(pageSettings(parts, request), tokens))
      : json(tokens.map(tokenJson))
    return deliver(request, reply, blob, PRIVATE)
  }
}

function createToken(parts: RouteParts): Handler {
  return async ({ state, by }, request, reply) => {
    const { name, scopes, expires } = request.body as TokenForm
    const list = [scopes].flat().flatMap(text => text.split(/\s+/).filter(Boolean))
    const expiresAt = expiryOf(expires)
    const { token, record } = await state.tokens.create({
      name,
      scopes: list,
      by,
      ...(expiresAt && { expiresAt }),
    })
    if (wantsPage(request)) {
      const shown: ShownToken = { name, token }
      const page = tokensPage(pageSettings(parts, request), await state.tokens.list(), shown)
      return deliver(request, reply, html(page), PRIVATE)
    }
    const blob = json({ ...tokenJson(record), token })
    return deliver(request, reply, blob, { ...PRIVATE, status: 201 })
  }
}

function readAudit(parts: RouteParts, access: AccessControl): Handler {
  return async ({ state, by }, request, reply) => {
    const { since, actor, action, limit = 1000 } = request.query as AuditParameters
    const seconds = since === undefined ? undefined : parseDuration(since)
    if (since !== undefined && seconds === undefined) {
      throw new InvalidParameter(
        'since',
        `since: '${since}' is not allowed; give ${DURATION_FORMS}`,
      )
    }
    await access.trail.flush()
    const rows = await state.audit.find({
      limit,
      ...(seconds !== undefined && { since: new Date(Date.now() - seconds * 1000) }),
      ...(actor !== undefined && { actor }),
      ...(action !== undefined && { action }),
    })
    access.trail.note({
      actor: by,
      action: 'audit-read',
      subject: 'audit',
      address: addressOf(request),
    })
    const blob = wantsPage(request)
      ? html(auditPage(pageSettings(parts, request), rows))
      : json(rows)
    return deliver(request, reply, blob, PRIVATE)
  }
}

interface AuditParameters {
  readonly since?: string
  readonly actor?: string
  readonly action?: string
  readonly limit?: number
}

const AUDIT_QUERY = Type.Object({
  since: Type.Optional(Type.String({ description: 'Not older than this, such as 7d' })),
  actor: Type.Optional(Type.String({ maxLength: 300 })),
  action: Type.Optional(Type.String({ maxLength: 40 })),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: MOST_AUDIT_ROWS, default: 1000 })),
})

const TIME = Type.Union([Type.String({ format: 'date-time' }), Type.Null()])
const TOKEN_RECORD = Type.Object({
  name: Type.String(),
  prefix: Type.String({ description: 'How the token begins' }),
  state: Type.String({ description: 'valid, expired or revoked' }),
  scopes: Type.Array(Type.String()),
  created_at: TIME,
  created_by: Type.String(),
  expires_at: TIME,
  revoked_at: TIME,
  last_used_at: TIME,
  token: Type.Optional(Type.String({ description: 'The secret, only when it was just made' })),
})

function listResponse(): object {
  return responseOf('Tokens, the newest first', 'application/json', Type.Array(TOKEN_RECORD))
}

function auditResponse(): object {
  const row = Type.Object({
    at: TIME,
    actor: Type.String(),
    action: Type.String(),
    subject: Type.String(),
    times: Type.Integer(),
    address: Type.Optional(Type.String()),
  })
  return responseOf('Rows in the order of time', 'application/json', Type.Array(row))
}
