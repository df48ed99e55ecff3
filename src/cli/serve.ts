/** `refdepot serve`: starts the server, watches the config, stops in good order. */
import closeWithGrace from 'close-with-grace'
import type { FastifyInstance } from 'fastify'
import { type Logger, pino } from 'pino'
import { Depot, type DepotSource } from '../archive/depot.ts'
import { listOf, type SettingValues } from '../config/settings.ts'
import { buildApp } from '../http/app.ts'
import type { LazyState } from '../state/lazy-state.ts'
import { EXIT } from './exit-codes.ts'
import { serveAccess } from './serve-access.ts'
import { checkInBackground, keepFresh, tell } from './serve-fresh.ts'
import { type ServeFlags, serveSettings } from './serve-settings.ts'
import { storeRedirects } from './serve-store.ts'
import { serveUploads } from './serve-uploads.ts'
import { packageVersion } from './version.ts'

// Downloads may go on this long after a stop was asked for.
const GRACE_MS = 10_000

// Connections that wait to be accepted: a cluster that asks at once must not be sent away for a second (Node's own limit is 511).
const BACKLOG = 4096

/** Runs the server until it is told to stop. Throws when the start fails. */
export async function runServe(flags: ServeFlags, defaultPort?: string): Promise<number> {
  const { values, source } = await serveSettings(flags, defaultPort)
  const logger = pino({ level: values['log-level'] })
  const depot = await Depot.open(source)
  const redirects = await storeRedirects(values)
  const access = serveAccess(values, { home: stateHome(source, depot), logger, redirects })
  // Who is refused goes into the audit: a server that could not write it must not begin to serve what is controlled.
  if (depot.current.access.restricts) await openAtStart(access.state, logger)
  const uploads = await serveUploads({ values, depot, access, logger })
  const app = await buildApp({
    depot,
    access,
    ...(uploads && { uploads: uploads.desk }),
    logger,
    settings: {
      version: packageVersion(),
      basePath: values['base-path'],
      trustProxy: listOf(values['trust-proxy']),
      title: values.title,
      ...(values['public-url'] !== '' && { publicUrl: values['public-url'] }),
    },
  })
  await listen(app, values)
  tell(logger, depot.current)
  const fresh = { depot, access, logger }
  const stopWatching = keepFresh(fresh, Number(values['watch-interval']))
  void checkInBackground(fresh)
  await stopped(logger, async () => {
    await app.close()
    stopWatching()
    await uploads?.stop()
    await access.close()
    await depot.close()
  })
  return EXIT.ok
}

/** Where the state lies unless a setting says so: a store is no place for a database. */
function stateHome({ store }: DepotSource, { current }: Depot): string {
  return store === undefined ? current.archiveFolder : '.'
}

/** A database that is down for a while stops nobody: without it nothing controlled is shown, and open assets go on. */
async function openAtStart(state: LazyState, logger: Logger): Promise<void> {
  try {
    await state.open()
  } catch (error) {
    if (!state.isShared) throw error
    logger.error({ err: error }, 'the database cannot be reached; only open assets are served')
  }
}

async function listen(app: FastifyInstance, values: SettingValues): Promise<void> {
  try {
    await (values.socket === ''
      ? app.listen({ port: Number(values.port), host: values.host, backlog: BACKLOG })
      : app.listen({ path: values.socket, backlog: BACKLOG }))
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    const at = values.socket === '' ? `port ${values.port}` : values.socket
    if (code === 'EACCES') throw new Error(`no permission to listen on ${at}; try -p 8080`)
    if (code === 'EADDRINUSE') throw new Error(`${at} is in use; give another one with -p`)
    throw error
  }
}

/** Waits until a stop is asked for and carried out; the process ends right after `stop`, so everything must happen in it. */
function stopped(logger: Logger, stop: () => Promise<void>): Promise<void> {
  return new Promise(done => {
    // SIGHUP means reload here.
    closeWithGrace({ delay: GRACE_MS, logger: false, skip: ['SIGHUP'] }, async ({ err }) => {
      if (err !== undefined) logger.fatal({ err }, 'stopping after an unexpected error')
      await stop()
      done()
    })
  })
}
