/** Routes of what is known of an archive's parts: as JSON, and as Metalink 4, by digest and by asset. */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { archiveName } from '../../archive/archive-places.ts'
import type { CatalogueEntry } from '../../domain/catalogue.ts'
import { METALINK_TYPE } from '../../domain/metalink.ts'
import { Type } from '../../domain/schema.ts'
import type { Blob } from '../../storage/blob.ts'
import type { VisibleGeneration } from '../access/visible-generation.ts'
import type { RouteParts } from '../app-settings.ts'
import { storedWith } from '../archive-by-digest.ts'
import { metalinkAnswer, partsAnswer } from '../archive-parts.ts'
import { type DeliveryOptions, deliver } from '../deliver.ts'
import { bytesResponses, parametersOf, responseOf } from '../schemas.ts'
import { nativeEntry } from './native-asset.ts'
import { problems } from './native-lists.ts'

const DIGEST = '/archives/:digest'
const ASSET = '/:genome/assets/:asset'

const PARTS = Type.Object({
  md5: Type.String(),
  sha256: Type.String(),
  size: Type.Integer({ description: 'Bytes of the archive' }),
  part_size: Type.Integer({ description: 'Bytes of each part but the last' }),
  parts: Type.Array(
    Type.Object({
      number: Type.Integer({ description: 'From 1' }),
      offset: Type.Integer({ description: 'Where it begins' }),
      size: Type.Integer(),
      sha256: Type.String(),
    }),
  ),
})

/** Registers them. */
export function archivePartRoutes(app: FastifyInstance, parts: RouteParts): void {
  // What a digest names never changes; the address of this server in a metalink may.
  route(app, `${DIGEST}/parts`, partsSchema('get_parts_by_digest', '/{digest}'), async request => ({
    blob: await partsAnswer(...byDigest(parts, request)),
    cache: 'immutable',
  }))
  route(app, `${ASSET}/parts`, partsSchema('get_parts', '/{genome}/{asset}'), async request => ({
    blob: await partsAnswer(...byName(parts, request)),
  }))
  const absolute = (request: FastifyRequest) => (path: string) => parts.absolute(request, path)
  const metalink = async (request: FastifyRequest, found: Found) => ({
    blob: await metalinkAnswer(...found, absolute(request)),
    filename: `${archiveName(found[1])}.meta4`,
  })
  route(app, `${DIGEST}.meta4`, metalinkSchema('get_metalink_by_digest', '/{digest}'), request =>
    metalink(request, byDigest(parts, request)),
  )
  route(
    app,
    `${ASSET}/archive.meta4`,
    metalinkSchema('get_metalink', '/{genome}/{asset}'),
    request => metalink(request, byName(parts, request)),
  )
}

type Found = [VisibleGeneration, CatalogueEntry]
type Answer = DeliveryOptions & { readonly blob: Blob }

function route(
  app: FastifyInstance,
  url: string,
  schema: object,
  answer: (request: FastifyRequest) => Promise<Answer>,
): void {
  app.get(url, { schema }, async (request, reply) => {
    const { blob, ...options } = await answer(request)
    return deliver(request, reply, blob, options)
  })
}

function byDigest(parts: RouteParts, request: FastifyRequest): Found {
  const generation = parts.generationFor(request)
  const { digest } = request.params as { digest: string }
  return [generation, storedWith(generation, digest.toLowerCase())]
}

function byName(parts: RouteParts, request: FastifyRequest): Found {
  const generation = parts.generationFor(request)
  return [generation, nativeEntry(generation, request)]
}

function partsSchema(operationId: string, path: string): object {
  const summary = 'Digests of the parts of an archive'
  const response = { 200: responseOf(summary, 'application/json', PARTS) }
  return schemaOf({ operationId, path, summary, response })
}

function metalinkSchema(operationId: string, path: string): object {
  const summary = 'An archive as Metalink 4 (RFC 5854), with hashes of its pieces'
  const binary = { schema: { type: 'string', format: 'binary' } }
  // Generators of clients leave out what they have no name for; bytes they know.
  const content = { [METALINK_TYPE]: binary, 'application/octet-stream': binary }
  const partial = { ...content, 'multipart/byteranges': binary }
  const response = {
    ...bytesResponses(summary),
    200: { description: summary, content },
    206: { description: 'The ranges asked for', content: partial },
  }
  return schemaOf({ operationId, path, summary, response })
}

interface RouteSchema {
  readonly operationId: string
  readonly path: string
  readonly summary: string
  readonly response: object
}

function schemaOf({ operationId, path, summary, response }: RouteSchema): object {
  const tag = Type.Optional(Type.String({ description: 'Tag of the asset', minLength: 1 }))
  return {
    operationId,
    summary,
    description: `${summary}. Archives of other tools have no digests of parts.`,
    tags: ['Native'],
    params: parametersOf(path),
    querystring: Type.Object(path.includes('asset') ? { tag } : {}),
    response: {
      ...response,
      503: responseOf(
        'Damaged or missing, or digests still pending',
        'application/problem+json',
        Type.Ref('Problem'),
      ),
      ...problems(),
    },
  }
}
