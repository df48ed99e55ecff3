/** The OpenAPI document and its readers. */
import Fastify, { type FastifyInstance, type RouteOptions } from 'fastify'
import { json } from './answers.ts'
import type { RouteParts } from './app-settings.ts'
import { COMPILERS } from './compilers.ts'
import { deliver } from './deliver.ts'
import { PAGE_FILES, pageFiles, READER_SCRIPT } from './page-files.ts'
import { SHARED_SCHEMAS } from './schemas.ts'

// The peer's, which clients may show; native and server routes stand beside them.
const TAGS = [
  { name: 'APIv3', description: 'refgenie API v3, prefixed with `v3` or nothing' },
  { name: 'APIv2', description: 'refgenie API v2, for old clients' },
  { name: 'APIv1', description: 'refgenie API v1, for very old clients' },
  { name: 'PRIVATE_API', description: 'What `refgenie listr` asks' },
  { name: 'Native', description: 'Genomes, assets and their files, for people and programs alike' },
  { name: 'Server', description: 'Health and facts of this server' },
]

/** The OpenAPI documents of an app. */
export interface Documents {
  /** Of the routes for everybody. */
  readonly open: object
  /** Of the routes of administrators: apart, because refgenie clients refuse a document with a path that GET does not answer. */
  readonly admin: object
}

/**
 * Makes the app collect its routes for the documents; before the routes are registered.
 *
 * @returns makes the documents when they are asked for first: the library that does it is as large as the framework
 */
export function collectDocuments(
  app: FastifyInstance,
  { settings }: RouteParts,
): () => Promise<Documents> {
  for (const schema of SHARED_SCHEMAS) app.addSchema(schema)
  const routes: RouteOptions[] = []
  app.addHook('onRoute', route => {
    routes.push(route)
  })
  let made: Promise<Documents> | undefined
  return () => {
    made ??= documentsOf(routes, settings)
    return made
  }
}

/** The documents, from an app that has the same routes and never answers. */
async function documentsOf(
  routes: readonly RouteOptions[],
  settings: RouteParts['settings'],
): Promise<Documents> {
  const app = Fastify({
    exposeHeadRoutes: false,
    schemaController: { compilersFactory: COMPILERS },
  })
  for (const schema of SHARED_SCHEMAS) app.addSchema(schema)
  // The title that the peer's document carries.
  await register(app, settings, 'swagger', {
    title: 'refgenieserver',
    description:
      'refdepot: reference-genome assets over HTTP, in the APIs of refgenieserver and its own',
    tags: TAGS,
    admin: false,
  })
  await register(app, settings, ADMIN_DECORATOR, {
    title: 'refdepot, administration',
    description:
      'Tokens and audit, with a token of the scope `admin`; uploads, with one that may write',
    tags: [{ name: 'Admin', description: 'Tokens and audit' }],
    admin: true,
  })
  await app.register((inner, _options, done) => {
    for (const { method, url, schema, config } of routes) {
      const known = { ...(schema && { schema }), ...(config && { config }) }
      inner.route({ method, url, ...known, handler: () => {} })
    }
    done()
  })
  await app.ready()
  const decorated = app as unknown as Record<typeof ADMIN_DECORATOR, () => object>
  return { open: app.swagger(), admin: decorated[ADMIN_DECORATOR]() }
}

interface DocumentFacts {
  readonly title: string
  readonly description: string
  readonly tags: { name: string; description: string }[]
  /** Which of the routes: those of administrators, or all others. */
  readonly admin: boolean
}

const ADMIN_DECORATOR = 'adminSwagger'

async function register(
  app: FastifyInstance,
  settings: RouteParts['settings'],
  decorator: string,
  { title, description, tags, admin }: DocumentFacts,
): Promise<void> {
  const license = { name: 'MIT', identifier: 'MIT' }
  const bearer = { bearer: { type: 'http', scheme: 'bearer' } } as const
  const { default: fastifySwagger } = await import('@fastify/swagger')
  await app.register(fastifySwagger, {
    decorator: decorator as 'swagger',
    openapi: {
      openapi: '3.1.0',
      info: { title, version: settings.version, description, license },
      servers: [{ url: settings.publicUrl ?? (settings.basePath || '/') }],
      security: admin ? [{ bearer: [] }] : [],
      tags,
      ...(admin && { components: { securitySchemes: bearer } }),
    },
    transform: ({ schema, url }) => {
      const isAdmin = (schema as { tags?: string[] } | undefined)?.tags?.includes('Admin') === true
      const shown = isAdmin === admin ? schema : { ...schema, hide: true }
      return { schema: shown as typeof schema, url: url.replace('*', ':path') }
    },
    refResolver: { buildLocalReference: json => String(json.$id) },
  })
}

/** Registers the document, its two readers and the files of the pages. */
export function documentRoutes(
  app: FastifyInstance,
  parts: RouteParts,
  documents: () => Promise<Documents>,
): void {
  const { basePath } = parts.settings
  // The client asks for the document up to eight times a pull: it is written once.
  let open: ReturnType<typeof json> | undefined
  app.get('/openapi.json', { schema: { hide: true } }, async (request, reply) => {
    open ??= json((await documents()).open)
    return deliver(request, reply, open)
  })
  app.get('/openapi-admin.json', { schema: { hide: true } }, async (request, reply) =>
    deliver(request, reply, json((await documents()).admin)),
  )
  const files = pageFiles(documents, basePath)
  for (const path of PAGE_FILES) app.get(path, { schema: { hide: true } }, files)
  app.get('/redoc', { schema: { hide: true } }, (_request, reply) =>
    reply
      .header('content-security-policy', READER_POLICY)
      .type('text/html; charset=utf-8')
      .send(readerPage(basePath)),
  )
}

// The reader builds styles and a worker of its own; nothing comes from elsewhere.
const READER_POLICY =
  "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; worker-src 'self' blob:"

function readerPage(basePath: string): string {
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>API reference</title></head>
<body><rapi-doc spec-url="${basePath}/openapi.json" render-style="read" load-fonts="false" show-header="false" allow-authentication="false" theme="light" primary-color="#0b6a75" regular-font="system-ui, sans-serif" mono-font="ui-monospace, monospace"></rapi-doc><script src="${basePath}${READER_SCRIPT}"></script></body>
</html>
`
}

declare module 'fastify' {
  interface FastifyInstance {
    /** Makes the OpenAPI documents. */
    documents(): Promise<Documents>
  }
}
