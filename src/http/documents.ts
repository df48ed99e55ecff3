/** The OpenAPI document and its readers. */
import fastifySwagger from '@fastify/swagger'
import type { FastifyInstance } from 'fastify'
import { json } from './answers.ts'
import type { RouteParts } from './app-settings.ts'
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

/** Makes the app collect its routes for the document; before the routes are registered. */
export async function collectDocument(app: FastifyInstance, parts: RouteParts): Promise<void> {
  for (const schema of SHARED_SCHEMAS) app.addSchema(schema)
  // The title that the peer's document carries.
  await register(app, parts, 'swagger', {
    title: 'refgenieserver',
    description:
      'refdepot: reference-genome assets over HTTP, in the APIs of refgenieserver and its own',
    tags: TAGS,
    admin: false,
  })
  // Apart, because refgenie clients refuse a document with a path that GET does not answer.
  await register(app, parts, ADMIN_DECORATOR, {
    title: 'refdepot, administration',
    description:
      'Tokens and audit, with a token of the scope `admin`; uploads, with one that may write',
    tags: [{ name: 'Admin', description: 'Tokens and audit' }],
    admin: true,
  })
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
  { settings }: RouteParts,
  decorator: string,
  { title, description, tags, admin }: DocumentFacts,
): Promise<void> {
  const license = { name: 'MIT', identifier: 'MIT' }
  const bearer = { bearer: { type: 'http', scheme: 'bearer' } } as const
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

/** The document of the routes of administrators. */
export function adminDocument(app: FastifyInstance): object {
  const decorated = app as unknown as Record<typeof ADMIN_DECORATOR, () => object>
  return decorated[ADMIN_DECORATOR]()
}

/** Registers the document, its two readers and the files of the pages. */
export function documentRoutes(app: FastifyInstance, parts: RouteParts): void {
  const { basePath } = parts.settings
  app.get('/openapi.json', { schema: { hide: true } }, (request, reply) =>
    deliver(request, reply, documentBlob(app)),
  )
  app.get('/openapi-admin.json', { schema: { hide: true } }, (request, reply) =>
    deliver(request, reply, json(adminDocument(app))),
  )
  const files = pageFiles(app, basePath)
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

const documents = new WeakMap<FastifyInstance, ReturnType<typeof json>>()

/** The client asks for the document up to eight times a pull: it is written once. */
function documentBlob(app: FastifyInstance): ReturnType<typeof json> {
  const known = documents.get(app)
  if (known !== undefined) return known
  const blob = json(app.swagger())
  documents.set(app, blob)
  return blob
}

function readerPage(basePath: string): string {
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>API reference</title></head>
<body><rapi-doc spec-url="${basePath}/openapi.json" render-style="read" load-fonts="false" show-header="false" allow-authentication="false" theme="light" primary-color="#0b6a75" regular-font="system-ui, sans-serif" mono-font="ui-monospace, monospace"></rapi-doc><script src="${basePath}${READER_SCRIPT}"></script></body>
</html>
`
}
