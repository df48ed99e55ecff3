/** Routes of uploads: archives that others send, to be published here. */
import type { Static } from '@sinclair/typebox'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { UploadDesk, UploadStatus } from '../../archive/upload-desk.ts'
import type { Sender } from '../../archive/upload-rights.ts'
import { Forbidden, LoginRequired } from '../../domain/access-errors.ts'
import { InvalidParameter } from '../../domain/errors.ts'
import { Type } from '../../domain/schema.ts'
import { UploadsOff } from '../../domain/upload.ts'
import type { AccessControl } from '../access/access-control.ts'
import { addressOf, callerOf } from '../access/caller.ts'
import { demandSameOrigin } from '../access/same-origin.ts'
import { json } from '../answers.ts'
import type { RouteParts } from '../app-settings.ts'
import { deliver } from '../deliver.ts'
import { parametersOf, responseOf } from '../schemas.ts'

// An index of a genome with 500,000 contigs has 100 MB.
const ORDER_LIMIT = 256 * 1024 * 1024
// Larger parts (archives beyond 640 GB) go to the store by signed addresses only: each is in memory here.
const PART_LIMIT = 64 * 1024 * 1024
const PRIVATE = { cache: 'no-store' } as const

const PART_LIST = Type.Object({
  parts: Type.Array(
    Type.Object({
      number: Type.Integer({ minimum: 1, maximum: 10_000 }),
      sha256: Type.String({ pattern: '^[0-9a-f]{64}$' }),
    }),
    { minItems: 1, maxItems: 100 },
  ),
})

const STATUS = Type.Object({
  id: Type.String(),
  state: Type.String({ description: 'open, verifying, published or failed' }),
  registry_path: Type.String(),
  archive: Type.String({ description: 'md5 of the archive' }),
  bytes: Type.Integer(),
  part_bytes: Type.Integer({ description: 'Bytes of a part; the last one may be shorter' }),
  part_count: Type.Integer(),
  received: Type.Array(Type.Integer(), { description: 'Numbers of the parts that are there' }),
  reason: Type.Optional(Type.String()),
  generation: Type.Optional(Type.Integer()),
})

type Handler = (
  sent: { readonly desk: UploadDesk; readonly sender: Sender; readonly id: string },
  request: FastifyRequest,
  reply: FastifyReply,
) => Promise<FastifyReply>

/** What the routes of uploads are made of. */
export interface UploadRoutes {
  readonly parts: RouteParts
  readonly access: AccessControl
  /** Undefined when this server takes no uploads. */
  readonly desk: UploadDesk | undefined
}

/** Registers the routes of uploads. */
export async function uploadRoutes(app: FastifyInstance, at: UploadRoutes): Promise<void> {
  await app.register((routes, _options, done) => {
    routes.addContentTypeParser(
      'application/octet-stream',
      { parseAs: 'buffer', bodyLimit: PART_LIMIT },
      (_request, body, parsed) => parsed(null, body),
    )
    // Before a body is read: it may be large.
    routes.addHook('onRequest', async request => demandSender(at, request))
    const route = (
      method: 'GET' | 'POST' | 'PUT' | 'DELETE',
      url: string,
      schema: object,
      handler: Handler,
    ) =>
      routes.route({
        method,
        url,
        bodyLimit: ORDER_LIMIT,
        schema,
        handler: (request, reply) => {
          const { id = '' } = request.params as { id?: string }
          return handler({ desk: deskOf(at), sender: senderOf(request), id }, request, reply)
        },
      })
    registerAll(route, at)
    done()
  })
}

type Register = (
  method: 'GET' | 'POST' | 'PUT' | 'DELETE',
  url: string,
  schema: object,
  handler: Handler,
) => void

function registerAll(route: Register, { access }: UploadRoutes): void {
  const status = { 200: responseOf('How far it has come', 'application/json', STATUS) }
  route(
    'POST',
    '/uploads',
    schemaOf('begin_upload', 'Begin an upload, or go on with it', {
      response: status,
    }),
    async ({ desk, sender }, request, reply) => {
      const begun = await desk.begin(request.body, sender)
      noteBegun(access, request, begun)
      return deliver(request, reply, json(statusJson(begun)), PRIVATE)
    },
  )
  const params = parametersOf('/{id}')
  route(
    'GET',
    '/uploads/:id',
    schemaOf('get_upload', 'How far an upload has come', {
      params,
      response: status,
    }),
    async ({ desk, sender, id }, request, reply) =>
      deliver(request, reply, json(statusJson(await desk.status(id, sender))), PRIVATE),
  )
  route(
    'POST',
    '/uploads/:id/parts',
    schemaOf('get_part_addresses', 'Where to send parts', {
      params,
      body: PART_LIST,
      response: { 200: responseOf('Addresses', 'application/json', ADDRESSES) },
    }),
    async ({ desk, sender, id }, request, reply) => {
      const { parts } = request.body as Static<typeof PART_LIST>
      const made = await desk.addresses(id, sender, parts)
      return deliver(request, reply, json({ parts: made ?? [] }), PRIVATE)
    },
  )
  route(
    'PUT',
    '/uploads/:id/parts/:number',
    schemaOf('put_part', 'Send a part here', {
      params: parametersOf('/{id}/{number}'),
      headers: Type.Object({
        'content-digest': Type.String({ description: 'sha-256 (RFC 9530)' }),
      }),
      response: { 204: { description: 'It is there', type: 'null' } },
    }),
    async ({ desk, sender, id }, request, reply) => {
      const { number } = request.params as { number: string }
      const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0)
      await desk.putPart(id, sender, { number: Number(number), body, sha256: digestOf(request) })
      return reply.code(204).send()
    },
  )
  route(
    'POST',
    '/uploads/:id/complete',
    schemaOf('complete_upload', 'End an upload: compare and publish it', {
      params,
      response: status,
    }),
    async ({ desk, sender, id }, request, reply) => {
      const completed = await desk.complete(id, sender)
      return deliver(request, reply, json(statusJson(completed)), PRIVATE)
    },
  )
  route(
    'DELETE',
    '/uploads/:id',
    schemaOf('abort_upload', 'Give an upload up', {
      params,
      response: { 204: { description: 'It is forgotten', type: 'null' } },
    }),
    async ({ desk, sender, id }, _request, reply) => {
      await desk.abort(id, sender)
      return reply.code(204).send()
    },
  )
}

const ADDRESSES = Type.Object({
  parts: Type.Array(
    Type.Object({
      number: Type.Integer(),
      url: Type.String({ format: 'uri' }),
      headers: Type.Record(Type.String(), Type.String(), {
        description: 'Headers that must be sent',
      }),
    }),
    { description: 'Empty when parts must be sent here' },
  ),
})

function demandSender({ parts, desk }: UploadRoutes, request: FastifyRequest): void {
  const { credentials, rights } = callerOf(request)
  if (request.method !== 'GET' && request.method !== 'HEAD') demandSameOrigin(parts, request)
  if (credentials !== 'valid') throw new LoginRequired()
  if (!rights.mayWriteSome)
    throw new Forbidden('this needs a token with a scope such as write:GENOME/*')
  if (desk === undefined) throw new UploadsOff()
}

function deskOf({ desk }: UploadRoutes): UploadDesk {
  if (desk === undefined) throw new UploadsOff()
  return desk
}

function senderOf(request: FastifyRequest): Sender {
  const { name, rights } = callerOf(request)
  return { name, mayWrite: (names, studies) => rights.mayWrite(names, studies) }
}

function noteBegun(
  { trail }: AccessControl,
  request: FastifyRequest,
  { record: { registryPath, archive } }: UploadStatus,
): void {
  const subject = `${registryPath} ${archive}`
  const [actor, address] = [callerOf(request).name, addressOf(request)]
  trail.note({ actor, action: 'upload-begun', subject, address })
}

function statusJson({ record, partSize, partCount, received }: UploadStatus): object {
  const { id, state, registryPath, archive, size, reason, generation } = record
  return {
    id,
    state,
    registry_path: registryPath,
    archive,
    bytes: size,
    part_bytes: partSize,
    part_count: partCount,
    received,
    ...(reason !== undefined && { reason }),
    ...(generation !== undefined && { generation }),
  }
}

/** The sha-256 of `Content-Digest` in hex. */
function digestOf(request: FastifyRequest): string {
  const header = String(request.headers['content-digest'] ?? '')
  const [, base64 = ''] = /^sha-256=:([A-Za-z0-9+/]{43}=):$/.exec(header) ?? []
  if (base64 !== '') return Buffer.from(base64, 'base64').toString('hex')
  const message = 'content-digest: send the digest of the part as `sha-256=:BASE64:` (RFC 9530)'
  throw new InvalidParameter('content-digest', message)
}

function schemaOf(operationId: string, summary: string, more: object): object {
  return { operationId, summary, description: `${summary}.`, tags: ['Admin'], ...more }
}
