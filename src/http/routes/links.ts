/** Native routes of short-lived links: asking for one, and using it. */

import type { FastifyInstance, FastifyRequest } from 'fastify'
import { registryPathOf } from '../../domain/catalogue.ts'
import { Type } from '../../domain/schema.ts'
import type { AccessControl } from '../access/access-control.ts'
import { addressOf, attend, callerOf } from '../access/caller.ts'
import { grantedBlob, grantFor, issuerOf } from '../access/link-grant.ts'
import { linkPath, readLink } from '../access/signed-link.ts'
import { json } from '../answers.ts'
import type { RouteParts } from '../app-settings.ts'
import { deliver } from '../deliver.ts'
import { bytesResponses, parametersOf, responseOf } from '../schemas.ts'
import { refuseWithdrawn } from '../withdrawn.ts'
import { nativeEntry } from './native-asset.ts'
import { problems } from './native-lists.ts'

// A link is a right by itself: nobody on the way keeps it.
const SECRET = { cache: 'no-store' } as const

const QUERY = Type.Object({
  tag: Type.Optional(Type.String({ minLength: 1 })),
  file: Type.Optional(
    Type.String({ description: 'Path of a file of the asset; without it the archive' }),
  ),
  format: Type.Optional(Type.Union([Type.Literal('tgz'), Type.Literal('tar')])),
  expires: Type.Optional(
    Type.String({ description: 'How long it shall work, such as 15m or 6h', maxLength: 12 }),
  ),
  range: Type.Optional(
    Type.String({
      description: 'The only bytes it shall give, `first-last`, both counted from 0',
      maxLength: 40,
    }),
  ),
  bind: Type.Optional(
    Type.Literal('address', { description: 'It shall work from the address of the caller only' }),
  ),
})

/** Registers the routes of links. */
export function linkRoutes(app: FastifyInstance, parts: RouteParts, access: AccessControl): void {
  const give = async (request: FastifyRequest) => {
    const generation = parts.generationFor(request)
    const entry = nativeEntry(generation, request)
    const { grant, name, size, inStore } = await grantFor(access, generation.folder, entry, request)
    const url = inStore ?? parts.absolute(request, linkPath(await access.linkKey(), grant, name))
    if (generation.folder.isControlled(entry)) {
      const subject = `${registryPathOf(entry)} ${grant.path}`.trim()
      const actor = callerOf(request).name
      access.trail.note({ actor, action: 'link-created', subject, address: addressOf(request) })
    }
    const expires_at = new Date(grant.expiresAt).toISOString()
    return json({ url, expires_at, bytes: size })
  }
  const schema = {
    operationId: 'get_url',
    summary: 'A short-lived link',
    description:
      'A signed URL of the archive or of one file that works without any header until it expires.',
    tags: ['Native'],
    params: parametersOf('/{genome}/{asset}'),
    querystring: QUERY,
    response: { 200: responseOf('The link', 'application/json', LINK), ...problems() },
  }
  app.get('/:genome/assets/:asset/url', { schema }, async (request, reply) =>
    deliver(request, reply, await give(request), SECRET),
  )
  app.get('/:genome/assets/:asset/archive/url', { schema: { hide: true } }, (request, reply) =>
    give(request).then(blob => deliver(request, reply, blob, SECRET)),
  )
  app.get('/links/:link/:name', { schema: useSchema() }, async (request, reply) => {
    const { link, name } = request.params as { link: string; name: string }
    const grant = readLink(await access.linkKey(), link)
    attend(request, access, await issuerOf(access, grant, request))
    const generation = parts.generationFor(request)
    const { folder, catalogue } = generation
    refuseWithdrawn(generation, grant.genome, grant.asset, grant.tag)
    const entry = catalogue.entry(grant.genome, grant.asset, grant.tag)
    const blob = await grantedBlob(folder, entry, grant, name)
    return deliver(request, reply, blob, { filename: name, data: true, staysHere: true })
  })
}

const LINK = Type.Object({
  url: Type.String({ format: 'uri' }),
  expires_at: Type.String({ format: 'date-time' }),
  bytes: Type.Integer({ description: 'Bytes that it gives' }),
})

function useSchema(): object {
  return {
    operationId: 'get_link',
    summary: 'Use a short-lived link',
    description: 'The bytes that a link of `get_url` was made for. It needs no credentials.',
    tags: ['Native'],
    params: parametersOf('/{link}/{name}'),
    response: {
      ...bytesResponses('The bytes'),
      403: responseOf(
        'Expired, changed or revoked (code link-expired, link-invalid)',
        'application/problem+json',
        Type.Ref('Problem'),
      ),
      ...problems(),
    },
  }
}
