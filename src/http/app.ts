/** The app: a function of its parts, with no state of its own. */
import fastifyAccepts from '@fastify/accepts'
import fastifyCookie from '@fastify/cookie'
import fastifyCors from '@fastify/cors'
import fastifyFormbody from '@fastify/formbody'
import Fastify, { type FastifyInstance, LogController } from 'fastify'
import { attendRequests } from './access/attendance.ts'
import { callerOf } from './access/caller.ts'
import { withoutToken } from './access/credentials.ts'
import { visibleHealth } from './access/visible-health.ts'
import { visibleReport } from './access/visible-report.ts'
import type { AppParts, RouteParts } from './app-settings.ts'
import { COMPILERS } from './compilers.ts'
import { collectDocuments, documentRoutes } from './documents.ts'
import { handleErrors } from './errors.ts'
import { endKeptConnections } from './idle-connections.ts'
import { knownPaths } from './known-paths.ts'
import { absoluteUrl, withoutBase } from './public-url.ts'
import { closeQueuedAnswers } from './queued-answers.ts'
import { registerRefgenie } from './refgenie-route.ts'
import { repeatAnswers } from './repeated-answers.ts'
import { RequestLog, tellsRequests } from './request-log.ts'
import { adminRoutes } from './routes/admin.ts'
import { archivePartRoutes } from './routes/archive-parts.ts'
import { linkRoutes } from './routes/links.ts'
import { loginRoutes } from './routes/login.ts'
import { manifestRoutes } from './routes/manifests.ts'
import { nativeDigestRoutes } from './routes/native-digests.ts'
import { nativeFileRoutes } from './routes/native-files.ts'
import { nativeListRoutes } from './routes/native-lists.ts'
import { privateRoutes } from './routes/private-api.ts'
import { releaseRoutes } from './routes/releases.ts'
import { statsRoutes } from './routes/stats.ts'
import { systemRoutes } from './routes/system.ts'
import { uploadRoutes } from './routes/uploads.ts'
import { v1Routes, v2Routes } from './routes/v2.ts'
import { v3Routes } from './routes/v3.ts'
import { trustedProxies } from './trusted-proxies.ts'

// Digests with prefixes, long file paths: the framework's 100 characters are too few.
const LONGEST_PARAMETER = 4096

// What a script in a browser may read of an answer from another origin.
const EXPOSED_HEADERS = [
  'Accept-Ranges',
  'Content-Disposition',
  'Content-Length',
  'Content-Range',
  'ETag',
  'Last-Modified',
  'Link',
  'Repr-Digest',
  'Retry-After',
].join(', ')

// Paths of pages get this; archives and files are data and need none.
const PAGE_POLICY =
  "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

/** Builds the app; it does not listen yet. */
export async function buildApp(appParts: AppParts): Promise<FastifyInstance> {
  const { depot, settings, logger, access } = appParts
  const app = Fastify({
    loggerInstance: logger,
    childLoggerFactory: (parent, bindings, options) => new RequestLog(parent, bindings, options),
    logController: new LogController({ disableRequestLogging: true }),
    trustProxy: trustedProxies(settings.trustProxy),
    routerOptions: { maxParamLength: LONGEST_PARAMETER, ignoreDuplicateSlashes: true },
    rewriteUrl: request =>
      withoutToken(request, withoutBase(request.url ?? '/', settings.basePath)),
    // A draining server finishes its downloads, but keeps no idle connection open.
    forceCloseConnections: 'idle',
    // A proxy may send a request over a connection it kept in the moment a replica begins to stop: it is answered, and the connection ends.
    return503OnClosing: false,
    schemaController: { compilersFactory: COMPILERS },
  })
  const generationFor: RouteParts['generationFor'] = request =>
    access.view(depot.current, callerOf(request).rights)
  const parts: RouteParts = {
    settings,
    generationFor,
    healthFor: request => visibleHealth(appParts.health ?? depot, generationFor(request)),
    absolute: (request, path) => absoluteUrl(settings, request, path),
    downloadsOf: ({ tag }) => access.counts.downloadsOf(tag.archiveDigest),
    downloadReport: (request, query) =>
      visibleReport(access.counts, generationFor(request).catalogue, query),
  }
  const known = knownPaths(app)
  app.addHook('onRoute', ({ method, url }) => {
    for (const name of [method].flat()) appParts.onRoute?.(name, url)
  })
  await app.register(fastifyCors, {
    origin: '*',
    methods: ['GET', 'HEAD', 'OPTIONS'],
    exposedHeaders: EXPOSED_HEADERS,
    maxAge: 86_400,
    strictPreflight: false,
  })
  await app.register(fastifyAccepts)
  await app.register(fastifyCookie)
  await app.register(fastifyFormbody)
  closeQueuedAnswers(app)
  attendRequests(app, depot, access)
  handleErrors(app, parts, known)
  logRequests(app)
  repeatAnswers(app, depot, access)
  endKeptConnections(app, appParts.beforeStop)
  guardPages(app)
  const documents = collectDocuments(app, parts)
  app.decorate('documents', documents)
  await app.register((routes, _options, done) => {
    // The client keeps the last of equal paths, so the root copies stand before `/v3`.
    registerRefgenie(routes, parts, v3Routes(''))
    registerRefgenie(routes, parts, v1Routes())
    registerRefgenie(routes, parts, v2Routes())
    registerRefgenie(routes, parts, v3Routes('/v3'))
    registerRefgenie(routes, parts, privateRoutes())
    nativeListRoutes(routes, parts)
    nativeFileRoutes(routes, parts)
    nativeDigestRoutes(routes, parts)
    archivePartRoutes(routes, parts)
    releaseRoutes(routes, parts)
    statsRoutes(routes, parts)
    linkRoutes(routes, parts, access)
    loginRoutes(routes, parts, access)
    adminRoutes(routes, parts, access)
    systemRoutes(routes, parts)
    done()
  })
  await manifestRoutes(app, parts, access)
  await uploadRoutes(app, { parts, access, desk: appParts.uploads })
  documentRoutes(app, parts, documents)
  return app
}

/** Links and tokens are rights by themselves, however they are spelled: whoever reads a log must not be able to use them. */
function withoutSecrets(url: string): string {
  const readable = /%/.test(url) ? unescapedWords(url) : url
  return readable
    .replace(/^(\/+links\/)[^/?]*/i, '$1[redacted]')
    .replace(/rdp_(\w{11})_\w+/g, 'rdp_$1_[redacted]')
}

/** Letters, digits and a few marks that were escaped without need, as they are. */
function unescapedWords(url: string): string {
  return url.replace(/%([2-7][0-9a-f])/gi, (escaped, hex) => {
    const letter = String.fromCharCode(Number.parseInt(hex, 16))
    return /[\w.~-]/.test(letter) ? letter : escaped
  })
}

/** One line a request, without the caller's address. */
function logRequests(app: FastifyInstance): void {
  app.addHook('onResponse', (request, reply, done) => {
    if (!tellsRequests(request.log)) return done()
    const { method } = request
    const { statusCode } = reply
    const ms = Math.round(reply.elapsedTime * 10) / 10
    const url = withoutSecrets(request.url)
    request.log.info({ method, url, status: statusCode, ms }, 'request')
    done()
  })
}

function guardPages(app: FastifyInstance): void {
  app.addHook('onSend', (_request, reply, payload, done) => {
    reply.header('x-content-type-options', 'nosniff')
    const type = String(reply.getHeader('content-type') ?? '')
    if (type.startsWith('text/html') && !reply.hasHeader('content-security-policy')) {
      reply.header('content-security-policy', PAGE_POLICY)
    }
    done(null, payload)
  })
}
