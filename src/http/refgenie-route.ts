/** How the routes of the refgenie APIs are declared: one table row each, registered with schema, checks and delivery. */

import type { TSchema } from '@sinclair/typebox'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { Type } from '../domain/schema.ts'
import type { Blob } from '../storage/blob.ts'
import { carriesCredentials } from './access/caller.ts'
import type { VisibleGeneration } from './access/visible-generation.ts'
import type { RouteParts } from './app-settings.ts'
import { archiveLinks } from './archive-links.ts'
import { deliver } from './deliver.ts'
import { RefgenieError } from './errors.ts'
import { type Pages, pagesFor } from './pages/pages.ts'
import { type Parameter, type ParameterRule, validate } from './refgenie-validation.ts'
import { bytesResponses, parametersOf, responseOf } from './schemas.ts'
import { refuseWithdrawn } from './withdrawn.ts'

/** A request in the terms of a refgenie API. */
export interface RefgenieCall {
  readonly generation: VisibleGeneration
  /** True when the caller must not be sent to another host: its client would take its credentials along. */
  readonly staysHere: boolean
  /** Value of a placeholder of the path. */
  path(name: string): string
  /** Value of a query parameter; the last one counts, as in the peer. */
  query(name: string): string | undefined
  /** Absolute URL of a path of this server. */
  absolute(path: string): string
  readonly pages: Pages
}

/** What a route answers. */
export type RefgenieAnswer =
  | {
      readonly blob: Blob
      readonly filename?: string
      readonly data?: boolean
      /**
       * Until when the same URL gets the same answer from the same catalogue, by `performance.now()`, whatever else a caller without
       * credentials sends; undefined where that is not known.
       */
      readonly until?: number | undefined
    }
  | { readonly redirect: string }

/** The kinds of success a route declares. */
type AnswerKind = 'json' | 'text' | 'html' | 'archive'

/** One route: what the document says of it, and how it is answered. */
export interface RefgenieRoute {
  /** With `{name}` placeholders. */
  readonly path: string
  readonly operationId: string
  readonly tag: string
  readonly summary: string
  readonly description: string
  /** Names of query parameters with what the document says of them. */
  readonly query?: Readonly<Record<string, TSchema>>
  readonly kind: AnswerKind
  readonly schema?: TSchema
  readonly example?: unknown
  /** False for routes that never answer 404. */
  readonly canMiss?: boolean
  /** True for routes that may send the caller to a remote. */
  readonly canRedirect?: boolean
  /** Rules of the parameters; undefined in APIs that do not validate. */
  readonly rules?: Readonly<Record<string, ParameterRule>>
  answer(call: RefgenieCall): RefgenieAnswer | Promise<RefgenieAnswer>
}

/** An answer that is made of the catalogue, the path and the query, and of nothing else. */
export function lasting(blob: Blob): RefgenieAnswer {
  return { blob, until: Number.POSITIVE_INFINITY }
}

/** The query parameter that names a tag. */
export const TAG_QUERY = {
  tag: Type.Optional(
    Type.String({ description: 'Tag; without it the default tag of the asset', minLength: 1 }),
  ),
}

/** The value, or the peer's 404 in its words. */
export function found<T>(value: T | undefined, detail: string): T {
  if (value === undefined) throw new RefgenieError(404, detail)
  return value
}

/** Registers the routes of a table. */
export function registerRefgenie(
  app: FastifyInstance,
  parts: RouteParts,
  routes: readonly RefgenieRoute[],
): void {
  for (const route of routes) {
    const parameters = parametersToCheck(route)
    app.get(
      route.path.replace(/\{(\w+)\}/g, ':$1'),
      { schema: schemaOf(route), validatorCompiler: () => () => true },
      async (request, reply) => {
        const call = new RequestCall(parts, request)
        check(call, parameters)
        const answer = await answerOf(route, call)
        if ('redirect' in answer) return reply.redirect(answer.redirect, 307)
        const { until } = answer
        const repeat = until === undefined ? undefined : { view: call.generation, until }
        const links = archiveLinks(parts.settings, answer.blob)
        return deliver(request, reply, answer.blob, { ...answer, repeat, links })
      },
    )
  }
}

/** True for a route whose path names an asset of a genome. */
function namesTag({ path, canMiss }: RefgenieRoute): boolean {
  return canMiss !== false && path.includes('{genome}') && path.includes('{asset}')
}

/** What is not found may have been withdrawn: that is told instead. */
async function answerOf(route: RefgenieRoute, call: RefgenieCall): Promise<RefgenieAnswer> {
  try {
    return await route.answer(call)
  } catch (error) {
    const missed = error instanceof RefgenieError && error.status === 404
    if (missed && namesTag(route)) {
      const inPath = route.path.includes('{tag}') ? call.path('tag') : undefined
      const tag = inPath ?? (call.query('tag') || undefined)
      refuseWithdrawn(call.generation, call.path('genome'), call.path('asset'), tag)
    }
    throw error
  }
}

/** A request of the framework as a call. */
class RequestCall implements RefgenieCall {
  readonly generation: VisibleGeneration
  readonly #parts: RouteParts
  readonly #request: FastifyRequest
  readonly #path: Readonly<Record<string, string>>

  constructor(parts: RouteParts, request: FastifyRequest) {
    this.#parts = parts
    this.#request = request
    this.#path = request.params as Record<string, string>
    this.generation = parts.generationFor(request)
  }

  get staysHere(): boolean {
    return carriesCredentials(this.#request)
  }

  get pages(): Pages {
    return pagesFor(this.#parts, this.#request)
  }

  /** True when a value of the path holds a slash that was encoded. */
  get hasSlash(): boolean {
    for (const name in this.#path) if (this.path(name).includes('/')) return true
    return false
  }

  path(name: string): string {
    return this.#path[name] as string
  }

  query(name: string): string | undefined {
    const value = (this.#request.query as Record<string, string | string[]>)[name]
    return Array.isArray(value) ? value.at(-1) : value
  }

  absolute(path: string): string {
    return this.#parts.absolute(this.#request, path)
  }
}

/** What is to be checked of each request, worked out once. */
function parametersToCheck({ path, rules = {} }: RefgenieRoute): Parameter[] {
  return Object.entries(rules).map(([name, rule]) => ({
    place: path.includes(`{${name}}`) ? 'path' : 'query',
    name,
    rule,
  }))
}

function check(call: RequestCall, parameters: readonly Parameter[]): void {
  // An encoded slash belongs to no segment: the peer decodes first and finds no such route.
  if (call.hasSlash) throw new RefgenieError(404, 'Not Found')
  validate(parameters, call)
}

function schemaOf(route: RefgenieRoute): object {
  const params = parametersOf(route.path)
  const { operationId, summary, description } = route
  return {
    operationId,
    tags: [route.tag],
    summary,
    description,
    ...(params && { params }),
    ...(route.query && { querystring: Type.Object(route.query) }),
    response: { ...successOf(route), ...failuresOf(route) },
  }
}

function successOf(route: RefgenieRoute): object {
  if (route.kind === 'archive') return bytesResponses(route.summary)
  const mediaType = { json: 'application/json', text: 'text/plain', html: 'text/html' }[route.kind]
  const schema = route.schema ?? { type: 'string' }
  return { 200: responseOf(route.summary, mediaType, schema, route.example) }
}

function failuresOf(route: RefgenieRoute): object {
  const detail = Type.Ref('Detail')
  const failure = (description: string) => responseOf(description, 'application/json', detail)
  return {
    400: failure('The URL is malformed'),
    ...(route.canMiss !== false && { 404: failure('Not on this server') }),
    ...(namesTag(route) && { 410: failure('Withdrawn (code withdrawn)') }),
    ...(route.rules && { 422: failure('A parameter does not validate') }),
    ...(route.canRedirect === true && {
      307: { description: 'The file lies on a remote', type: 'null' },
      503: failure('The archive on this server is damaged'),
    }),
  }
}
