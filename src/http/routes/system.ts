/** Routes about the server itself: health, readiness, what it is and can. */

import type { FastifyInstance } from 'fastify'
import { Type } from '../../domain/schema.ts'
import type { VisibleGeneration } from '../access/visible-generation.ts'
import type { VisibleHealth } from '../access/visible-health.ts'
import { json } from '../answers.ts'
import type { RouteParts } from '../app-settings.ts'
import { deliver } from '../deliver.ts'
import { NOTHING_ARCHIVED } from '../pages/genome-pages.ts'
import { responseOf } from '../schemas.ts'

// What a 1.x client may rely on today; a capability that is absent reads as false.
const CAPABILITIES = {
  pull: false,
  build: false,
  delete: false,
  aliases_write: false,
  subscriptions: false,
  data_channels: false,
  recipes_write: false,
  asset_classes_write: false,
  remote_browse: false,
  genome_init: false,
  jobs: false,
  jobs_cancel: false,
  downloads: true,
  archives: true,
  seqcol: false,
  drs: false,
}

const ALIVE = json({ status: 'ok' })

// So many damaged archives are named; their number is always given.
const MOST_NAMED = 100

/** Registers the routes about the server. */
export function systemRoutes(app: FastifyInstance, parts: RouteParts): void {
  const schema = (operationId: string, summary: string, description: string) => ({
    operationId,
    summary,
    description,
    tags: ['Server'],
    response: {
      200: responseOf(summary, 'application/json', Type.Object({}, { additionalProperties: true })),
    },
  })
  const health = schema('healthz', 'Alive', 'Answers as long as the process can answer.')
  app.get('/healthz', { schema: health }, (request, reply) => deliver(request, reply, ALIVE))
  const ready = schema(
    'readyz',
    'Ready',
    'What is loaded, how far the background check of the archives is, and what it found damaged.',
  )
  app.get('/readyz', { schema: ready }, (request, reply) =>
    deliver(
      request,
      reply,
      json(readiness(parts.generationFor(request), parts.healthFor(request))),
    ),
  )
  const about = json(serviceInfo(parts))
  const info = schema('service_info', 'What this server is', 'GA4GH service info of this server.')
  app.get('/service-info', { schema: info }, (request, reply) => deliver(request, reply, about))
}

function readiness({ catalogue, loadedAt }: VisibleGeneration, health: VisibleHealth): object {
  const message = catalogue.archiveCount === 0 ? { message: NOTHING_ARCHIVED } : {}
  return {
    status: 'ready',
    ...message,
    catalogue: {
      genomes: catalogue.genomes.length,
      archives: catalogue.archiveCount,
      loaded_at: loadedAt.toISOString(),
      // Only that it failed: the reason names paths and stands in the log.
      reload_failed: health.reloadFailed,
    },
    check: { ...health.progress, damaged: health.damages.length },
    damaged: health.damages
      .slice(0, MOST_NAMED)
      .map(({ registryPath, file, problem }) => ({ registry_path: registryPath, file, problem })),
  }
}

function serviceInfo({ settings }: RouteParts): object {
  return {
    id: 'org.refdepot.server',
    name: settings.title,
    type: { group: 'org.refgenie', artifact: 'refgenie', version: 'v3' },
    description: 'Reference-genome assets: archives, files and their digests',
    organization: { name: settings.title, url: settings.publicUrl ?? '' },
    environment: 'production',
    version: settings.version,
    refgenie: {
      mode: 'server',
      api_base: '/v3',
      root_path: settings.basePath,
      refgenie_version: settings.version,
      service_name: settings.title,
      web_ui: {},
      capabilities: CAPABILITIES,
      links: { openapi: '/openapi.json', docs: '/docs' },
    },
  }
}
