/** Routes of releases: all of them, one, and what differs between two. */
import type { TSchema } from '@sinclair/typebox'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { Type } from '../../domain/schema.ts'
import type { Blob } from '../../storage/blob.ts'
import { html, json, table } from '../answers.ts'
import type { RouteParts } from '../app-settings.ts'
import { deliver } from '../deliver.ts'
import { wantsPage } from '../negotiate.ts'
import { pagesFor } from '../pages/pages.ts'
import {
  diffRecord,
  releaseNamed,
  releaseRecord,
  releaseSummary,
  releaseTable,
} from '../release-content.ts'
import { parametersOf } from '../schemas.ts'
import { problems } from './native-lists.ts'

const ENTRIES = Type.Array(Type.Ref('ReleaseEntry'))
const ONE = Type.Object({
  name: Type.String(),
  description: Type.Union([Type.String(), Type.Null()]),
  created: Type.String({ format: 'date-time' }),
  generation: Type.Union([Type.Integer(), Type.Null()]),
  entries: ENTRIES,
})
const DIFF = Type.Object({
  from: Type.String(),
  to: Type.String(),
  added: ENTRIES,
  removed: ENTRIES,
  changed: Type.Array(
    Type.Object({
      registry_path: Type.String(),
      from: Type.Ref('ReleaseEntry'),
      to: Type.Ref('ReleaseEntry'),
    }),
  ),
})
const FORMAT = Type.Object({
  format: Type.Optional(
    Type.Union([Type.Literal('json'), Type.Literal('tsv')], {
      description: '`tsv` for a table with tabs; without it a page for browsers, else JSON',
    }),
  ),
})

/** Registers the routes of releases. */
export function releaseRoutes(app: FastifyInstance, parts: RouteParts): void {
  const list = schemaOf('list_releases', 'All releases, the newest first', '', {
    'application/json': Type.Array(Type.Ref('ReleaseSummary')),
    'text/html': Type.String(),
  })
  app.get('/releases', { schema: list }, (request, reply) => {
    const releases = [...parts.generationFor(request).releases.all.values()]
    const absolute = (path: string) => parts.absolute(request, path)
    const blob = wantsPage(request)
      ? html(pagesFor(parts, request).releases(releases))
      : json(releases.map(release => releaseSummary(release, absolute)))
    return deliver(request, reply, blob, { vary: 'Accept' })
  })
  const one = schemaOf('get_release', 'A release: archives by their digests', '/{name}', {
    'application/json': ONE,
    'text/tab-separated-values': Type.String(),
    'text/html': Type.String(),
  })
  app.get('/releases/:name', { schema: { ...one, querystring: FORMAT } }, (request, reply) =>
    deliver(request, reply, releaseAnswer(parts, request), { vary: 'Accept' }),
  )
  const diff = schemaOf('diff_releases', 'What differs between two releases', '/{name}/{to}', {
    'application/json': DIFF,
  })
  app.get('/releases/:name/diff/:to', { schema: diff }, (request, reply) =>
    deliver(request, reply, diffAnswer(parts, request)),
  )
}

function releaseAnswer(parts: RouteParts, request: FastifyRequest): Blob {
  const generation = parts.generationFor(request)
  const release = releaseNamed(generation, (request.params as { name: string }).name)
  const { format } = request.query as { format?: 'json' | 'tsv' }
  // Kept by the releases of the view: two views can see all that is served and yet not the same releases.
  const { releases, answers, namedAnswers } = generation
  if (format === 'tsv') {
    const make = () => table(releaseTable(generation, release))
    return answers.of(releases, `release ${release.name} as a table`, make)
  }
  if (format === undefined && wantsPage(request)) {
    return html(pagesFor(parts, request).release(generation, release))
  }
  const absolute = (path: string) => parts.absolute(request, path)
  return namedAnswers.of(releases, `release ${release.name} ${absolute('')}`, () =>
    json(releaseRecord(generation, release, absolute)),
  )
}

function diffAnswer(parts: RouteParts, request: FastifyRequest): Blob {
  const generation = parts.generationFor(request)
  const { name, to } = request.params as { name: string; to: string }
  const [before, after] = [releaseNamed(generation, name), releaseNamed(generation, to)]
  const absolute = (path: string) => parts.absolute(request, path)
  const named = `release ${before.name} to ${after.name} ${absolute('')}`
  return generation.namedAnswers.of(generation.releases, named, () =>
    json(diffRecord(generation, before, after, absolute)),
  )
}

function schemaOf(
  operationId: string,
  summary: string,
  path: string,
  forms: Readonly<Record<string, TSchema>>,
): object {
  const params = parametersOf(path)
  const content = Object.entries(forms).map(([type, schema]) => [type, { schema }])
  return {
    operationId,
    summary,
    description: `${summary}; what the caller may not see is left out.`,
    tags: ['Native'],
    ...(params && { params }),
    response: {
      200: { description: summary, content: Object.fromEntries(content) },
      ...problems(),
    },
  }
}
