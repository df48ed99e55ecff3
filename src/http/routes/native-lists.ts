/** Native routes of genomes and assets: a page for browsers, JSON for everybody else. */

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { type AssetQuery, searchAssets } from '../../domain/asset-search.ts'
import type { CatalogueEntry } from '../../domain/catalogue.ts'
import { entriesOf } from '../../domain/catalogue.ts'
import { Type } from '../../domain/schema.ts'
import type { Blob } from '../../storage/blob.ts'
import type { VisibleGeneration } from '../access/visible-generation.ts'
import { html, json } from '../answers.ts'
import type { RouteParts } from '../app-settings.ts'
import { deliver } from '../deliver.ts'
import { wantsPage } from '../negotiate.ts'
import { pagesFor } from '../pages/pages.ts'
import { parametersOf, responseOf } from '../schemas.ts'
import { assetRecord, genomeRecord, nativeEntry, nativeGenome } from './native-asset.ts'

/** Entries of a page when nobody says how many. */
export const DEFAULT_LIMIT = 100
const LARGEST_LIMIT = 1000

// A page and JSON have one URL.
const BOTH_FORMS = { vary: 'Accept' }

/** The parameters of lists that are answered page by page. */
export const paging = {
  offset: Type.Optional(Type.Integer({ minimum: 0, default: 0 })),
  limit: Type.Optional(
    Type.Integer({ minimum: 1, maximum: LARGEST_LIMIT, default: DEFAULT_LIMIT }),
  ),
}
const tagQuery = Type.Object({
  tag: Type.Optional(Type.String({ description: 'Tag; without it the default tag', minLength: 1 })),
})

/** Registers the native lists and attributes. */
export function nativeListRoutes(app: FastifyInstance, parts: RouteParts): void {
  const schema = (operationId: string, summary: string, path: string, more: object) => ({
    schema: {
      operationId,
      summary,
      description: `${summary}. A page for browsers, JSON for everybody else.`,
      tags: ['Native'],
      ...(parametersOf(path) && { params: parametersOf(path) }),
      ...more,
    },
  })
  const answers = (component: object, example?: unknown) => ({
    response: { 200: eitherForm(component, example), ...problems() },
  })

  const genomes = answers(Type.Array(Type.Ref('GenomeSummary')))
  app.get('/genomes', schema('list_genomes', 'All genomes', '', genomes), (request, reply) => {
    const generation = parts.generationFor(request)
    return wantsPage(request)
      ? deliver(request, reply, html(pagesFor(parts, request).index(generation)), BOTH_FORMS)
      : deliver(request, reply, genomeList(parts, request, generation), BOTH_FORMS)
  })

  const genome = answers(Type.Ref('GenomeSummary'))
  app.get(
    '/genomes/:genome',
    schema('get_genome', 'One genome', '/{genome}', genome),
    (request, reply) => {
      const { genome: name } = request.params as { genome: string }
      const found = nativeGenome(parts.generationFor(request), name)
      const page = () => pagesFor(parts, request).genome(found)
      const value = () => genomeRecord(found, path => parts.absolute(request, path))
      return negotiated(request, reply, page, value)
    },
  )

  const querystring = Type.Object({
    q: Type.Optional(Type.String({ description: 'Words to find', maxLength: 200 })),
    genome: Type.Optional(Type.String({ description: 'Alias or digest', maxLength: 200 })),
    asset: Type.Optional(Type.String({ description: 'Name of an asset', maxLength: 200 })),
    ...paging,
  })
  const assets = { querystring, ...answers(Type.Ref('AssetPage')) }
  app.get('/assets', schema('search_assets', 'Find assets', '', assets), (request, reply) => {
    const given = request.query as Partial<AssetQuery>
    return searchAnswer(parts, request, reply, { offset: 0, limit: DEFAULT_LIMIT, ...given })
  })

  const ofGenome = answers(Type.Array(Type.Ref('AssetRecord')))
  const assetsOfGenome = (request: FastifyRequest, reply: FastifyReply) => {
    const generation = parts.generationFor(request)
    const { genome: name } = request.params as { genome: string }
    const found = nativeGenome(generation, name)
    const page = () => pagesFor(parts, request).genome(found)
    const value = () => records(parts, request, [...entriesOf(found)])
    return negotiated(request, reply, page, value)
  }
  const listSchema = schema('list_genome_assets', 'Assets of a genome', '/{genome}', ofGenome)
  app.get('/:genome/assets', listSchema, assetsOfGenome)
  // The paper writes this path with a slash at its end.
  app.get('/:genome/assets/', { schema: { hide: true } }, assetsOfGenome)

  const asset = { querystring: tagQuery, ...answers(Type.Ref('AssetRecord')) }
  app.get(
    '/:genome/assets/:asset',
    schema('get_asset', 'One tag of an asset', '/{genome}/{asset}', asset),
    (request, reply) => {
      const generation = parts.generationFor(request)
      const entry = nativeEntry(generation, request)
      const page = () => pagesFor(parts, request).asset(generation, entry)
      const value = () => recordOf(parts, request, generation, entry)
      return negotiated(request, reply, page, value)
    },
  )
}

/** The JSON of all genomes. Its links name the server as the caller does, so there is one for each name. */
function genomeList(
  parts: RouteParts,
  request: FastifyRequest,
  { catalogue, namedAnswers }: VisibleGeneration,
): Blob {
  const absolute = (path: string) => parts.absolute(request, path)
  const make = () => json(catalogue.genomes.map(genome => genomeRecord(genome, absolute)))
  return namedAnswers.of(catalogue, `genomes ${absolute('')}`, make)
}

async function searchAnswer(
  parts: RouteParts,
  request: FastifyRequest,
  reply: FastifyReply,
  query: AssetQuery,
): Promise<FastifyReply> {
  const found = searchAssets(parts.generationFor(request).catalogue, query)
  const page = () => pagesFor(parts, request).search(query, found)
  const value = async () => ({ ...found, items: await records(parts, request, found.items) })
  return negotiated(request, reply, page, value)
}

function records(
  parts: RouteParts,
  request: FastifyRequest,
  entries: readonly CatalogueEntry[],
): Promise<object[]> {
  const generation = parts.generationFor(request)
  return Promise.all(entries.map(entry => recordOf(parts, request, generation, entry)))
}

function recordOf(
  parts: RouteParts,
  request: FastifyRequest,
  generation: VisibleGeneration,
  entry: CatalogueEntry,
): Promise<object> {
  return assetRecord(generation, entry, {
    absolute: path => parts.absolute(request, path),
    downloads: parts.downloadsOf(entry),
  })
}

async function negotiated(
  request: FastifyRequest,
  reply: FastifyReply,
  page: () => string | Promise<string>,
  value: () => unknown,
): Promise<FastifyReply> {
  const blob = wantsPage(request) ? html(await page()) : json(await value())
  return deliver(request, reply, blob, BOTH_FORMS)
}

function eitherForm(component: object, example: unknown): object {
  const asJson = { schema: component, ...(example !== undefined && { example }) }
  return {
    description: 'Found',
    content: { 'application/json': asJson, 'text/html': { schema: { type: 'string' } } },
  }
}

/** The problems that a native route can answer. */
export function problems(): object {
  const problem = (description: string) => {
    const { content } = responseOf(
      description,
      'application/problem+json',
      Type.Ref('Problem'),
    ) as { content: object }
    return { description, content: { ...content, 'text/html': { schema: { type: 'string' } } } }
  }
  return {
    400: problem('A parameter cannot be understood'),
    404: problem('Not in the catalogue'),
    410: problem('Withdrawn (code withdrawn)'),
  }
}
