/** The files of the pages and the reader of the OpenAPI document: what serves them is loaded with the first request for one. */
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { StaticDocumentSpec } from '@fastify/swagger'
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import type { Documents } from './documents.ts'

const STATIC_FOLDER = fileURLToPath(new URL('./pages/static/', import.meta.url))
const READER = 'rapidoc-min.js'

/** Path of the script of `/redoc`. */
export const READER_SCRIPT = `/static/${READER}`

/** Paths that {@link pageFiles} answers: those of the plugins, not more, since a genome may be called like the beginning of one. */
export const PAGE_FILES = [
  '/static/*',
  READER_SCRIPT,
  '/docs',
  '/docs/',
  '/docs/json',
  '/docs/yaml',
  '/docs/static/index.html',
  '/docs/static/swagger-initializer.js',
  '/docs/static/*',
]

// Said of the answer by the outer app too, or of a connection that there is none of.
const OWN_HEADERS = new Set(['connection', 'date', 'keep-alive', 'transfer-encoding'])

/**
 * Handles the requests for the files of the pages.
 *
 * The plugins that do it load 150 files, which costs more than the start of all the rest: they live in an app of their own, which is
 * made when it is needed first.
 *
 * @param documents - makes the document that is shown
 */
export function pageFiles(documents: () => Promise<Documents>, basePath: string) {
  let inner: Promise<FastifyInstance> | undefined
  return async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    inner ??= pluginApp((await documents()).open, basePath)
    const answer = await (await inner).inject({
      method: request.method as 'GET' | 'HEAD',
      url: request.raw.url as string,
      headers: request.headers,
    })
    if (answer.statusCode === 404) {
      reply.callNotFound()
      return reply
    }
    for (const [name, value] of Object.entries(answer.headers)) {
      if (value !== undefined && !OWN_HEADERS.has(name)) reply.header(name, value)
    }
    return reply.code(answer.statusCode).send(answer.rawPayload)
  }
}

async function pluginApp(document: object, basePath: string): Promise<FastifyInstance> {
  const [{ default: fastifyStatic }, { default: fastifySwagger }, { default: fastifySwaggerUi }] =
    await Promise.all([
      import('@fastify/static'),
      import('@fastify/swagger'),
      import('@fastify/swagger-ui'),
    ])
  const inner = Fastify()
  await inner.register(fastifySwagger, {
    mode: 'static',
    specification: { document: document as StaticDocumentSpec['document'] },
  })
  await inner.register(fastifyStatic, { root: STATIC_FOLDER, prefix: '/static/', index: false })
  inner.get(READER_SCRIPT, (_request, reply) => reply.sendFile(READER, readerFolder()))
  await inner.register(fastifySwaggerUi, {
    routePrefix: '/docs',
    staticCSP: true,
    uiConfig: { deepLinking: true },
    ...(basePath !== '' && { indexPrefix: basePath }),
  })
  return inner
}

/** The build copies the reader beside the pages; from sources it lies in the development dependency. */
function readerFolder(): string {
  if (existsSync(join(STATIC_FOLDER, READER))) return STATIC_FOLDER
  return dirname(createRequire(import.meta.url).resolve(`rapidoc/dist/${READER}`))
}
