/** Native route of download counts: a page for browsers, CSV for tables, JSON for everybody else. */

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { Type } from '../../domain/schema.ts'
import { reportCsv } from '../../state/download-report.ts'
import { memoryBlob } from '../../storage/blob.ts'
import { html, json } from '../answers.ts'
import type { RouteParts, StatsQuery } from '../app-settings.ts'
import { deliver } from '../deliver.ts'
import { pagesFor } from '../pages/pages.ts'
import { responseOf } from '../schemas.ts'
import { DEFAULT_LIMIT, paging, problems } from './native-lists.ts'

const CSV = 'text/csv; charset=utf-8'
const DAY = { format: 'date', description: 'Day (UTC), with it' }

const querystring = Type.Object({
  since: Type.Optional(Type.String(DAY)),
  until: Type.Optional(Type.String(DAY)),
  genome: Type.Optional(Type.String({ description: 'Alias or digest', maxLength: 200 })),
  asset: Type.Optional(Type.String({ description: 'Name of an asset', maxLength: 200 })),
  format: Type.Optional(Type.Union([Type.Literal('json'), Type.Literal('csv')])),
  ...paging,
})

/** Registers `/stats`. */
export function statsRoutes(app: FastifyInstance, parts: RouteParts): void {
  const schema = {
    operationId: 'get_stats',
    summary: 'Download counts',
    description:
      'How often the archives that the caller may see were downloaded, and how many bytes were sent of them and of their files, by day. A page for browsers, CSV where it is asked for, JSON for everybody else.',
    tags: ['Native'],
    querystring,
    response: {
      200: {
        description: 'The counts; in CSV one row for each archive and day',
        content: {
          'application/json': { schema: Type.Ref('DownloadReport') },
          'text/csv': { schema: { type: 'string' } },
          'text/html': { schema: { type: 'string' } },
        },
      },
      ...problems(),
      503: responseOf(
        'The state cannot be reached',
        'application/problem+json',
        Type.Ref('Problem'),
      ),
    },
  }
  app.get('/stats', { schema }, (request, reply) => sendStats(parts, request, reply))
}

async function sendStats(
  parts: RouteParts,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const { format, ...given } = request.query as Partial<StatsQuery> & { format?: string }
  const query = { offset: 0, limit: DEFAULT_LIMIT, ...given }
  const report = await parts.downloadReport(request, query)
  const form = format ?? request.accepts().type(['json', 'html', 'csv'])
  const blob =
    form === 'csv'
      ? memoryBlob(reportCsv(report), CSV)
      : form === 'html'
        ? html(pagesFor(parts, request).stats(query, report))
        : json(report)
  return deliver(request, reply, blob, { vary: 'Accept' })
}
