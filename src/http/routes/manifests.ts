/** Routes of manifests: keeping one here for a while, and getting it in any of the formats. */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import {
  MANIFEST_FORMATS,
  type ManifestFormat,
  MOST_MANIFEST_BYTES,
} from '../../domain/manifest.ts'
import { METALINK_TYPE } from '../../domain/metalink.ts'
import { Type } from '../../domain/schema.ts'
import type { AccessControl } from '../access/access-control.ts'
import { addressOf, callerOf } from '../access/caller.ts'
import { demandSameOrigin } from '../access/same-origin.ts'
import { json } from '../answers.ts'
import type { RouteParts } from '../app-settings.ts'
import { deliver } from '../deliver.ts'
import { KeptManifests } from '../kept-manifests.ts'
import { parametersOf, responseOf } from '../schemas.ts'
import { problems } from './native-lists.ts'

const TABLE = 'text/tab-separated-values'

const RECORD = Type.Object({
  id: Type.String({ description: 'SHA-256 of the manifest in its JSON form' }),
  url: Type.String({ format: 'uri' }),
  rows: Type.Integer(),
  bytes: Type.Integer({ description: 'Of the archives together' }),
  expires_at: Type.String({ format: 'date-time' }),
})

const QUERY = Type.Object({
  format: Type.Optional(
    Type.Union(
      MANIFEST_FORMATS.map(name => Type.Literal(name)),
      {
        description:
          'A table (tsv), JSON, Metalink 4, lines for `sha256sum -c`, input for `aria2c -i`; without it by Accept, else JSON',
      },
    ),
  ),
})

/** Registers them. */
export async function manifestRoutes(
  app: FastifyInstance,
  parts: RouteParts,
  access: AccessControl,
): Promise<void> {
  const kept = new KeptManifests(access, parts.settings.manifests ?? 'token')
  const absolute = (request: FastifyRequest) => (path: string) => parts.absolute(request, path)
  app.get('/manifests/:id', { schema: getSchema() }, async (request, reply) => {
    const { id } = request.params as { id: string }
    const format = formatOf(request)
    const blob = await kept.blob(id.toLowerCase(), format, absolute(request))
    const filename = `manifest-${id.slice(0, 12)}.${EXTENSIONS[format]}`
    return deliver(request, reply, blob, { filename, vary: 'Accept' })
  })
  await app.register((routes, _options, done) => {
    // Whatever a client calls its table: what it is shows in its first line.
    routes.removeAllContentTypeParsers()
    routes.addContentTypeParser(
      '*',
      { parseAs: 'string', bodyLimit: MOST_MANIFEST_BYTES },
      (_request, body, parsed) => parsed(null, body),
    )
    // Before a body is read: it may be large.
    routes.addHook('onRequest', async request => {
      kept.demandSender(callerOf(request))
      demandSameOrigin(parts, request)
    })
    // The body is looked at by who reads it: a schema could only say that it is a text.
    const options = { schema: postSchema(), validatorCompiler: () => () => true }
    routes.post('/manifests', options, async (request, reply) => {
      const text = typeof request.body === 'string' ? request.body : ''
      const { record, isNew } = await kept.keep(text, callerOf(request), addressOf(request))
      const url = parts.absolute(request, `/manifests/${record.id}`)
      reply.header('location', url)
      const status = isNew ? 201 : 200
      return deliver(request, reply, json({ ...record, url }), { status, cache: 'no-store' })
    })
    done()
  })
}

const EXTENSIONS: Readonly<Record<ManifestFormat, string>> = {
  tsv: 'tsv',
  json: 'json',
  meta4: 'meta4',
  sha256: 'sha256',
  aria2: 'aria2.txt',
}

/** What is asked for by name, else by type. */
function formatOf(request: FastifyRequest): ManifestFormat {
  const { format } = request.query as { format?: ManifestFormat }
  if (format !== undefined) return format
  const type = request.accepts().type(['application/json', TABLE, METALINK_TYPE])
  if (type === TABLE) return 'tsv'
  return type === METALINK_TYPE ? 'meta4' : 'json'
}

function postSchema(): object {
  return {
    operationId: 'keep_manifest',
    summary: 'Keep a manifest here for 90 days',
    description:
      'The body is a manifest as a table or as JSON (docs/manifests.md), up to 10 MB. The same rows get the same id, and are kept longer. Needs a token that may write, unless the operator opens it (`--manifests open`).',
    tags: ['Admin'],
    consumes: [TABLE, 'application/json'],
    body: Type.Unknown({ description: 'The manifest' }),
    response: {
      200: responseOf('It is here already', 'application/json', RECORD),
      201: responseOf('It is kept', 'application/json', RECORD),
      400: responseOf('It is no manifest', 'application/problem+json', Type.Ref('Problem')),
    },
  }
}

function getSchema(): object {
  const text = { schema: { type: 'string' } }
  return {
    operationId: 'get_manifest',
    summary: 'A manifest by its id',
    description:
      'A manifest that somebody keeps here, as it was sent. It tells nothing of what this server has: archives are asked for by their digests.',
    tags: ['Native'],
    params: parametersOf('/{id}'),
    querystring: QUERY,
    response: {
      200: {
        description: 'The manifest',
        content: {
          'application/json': { schema: Type.Unknown() },
          [TABLE]: text,
          [METALINK_TYPE]: text,
          'text/plain': text,
        },
      },
      ...problems(),
    },
  }
}
