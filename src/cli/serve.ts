/** `refdepot serve`: starts the server, watches the config, stops in good order. */
import closeWithGrace from 'close-with-grace'
import type { FastifyInstance } from 'fastify'
import { type Logger, pino } from 'pino'
import { watchFiles } from '../archive/config-watch.ts'
import { Depot } from '../archive/depot.ts'
import { listOf, type SettingValues } from '../config/settings.ts'
import { isReserved } from '../domain/reserved-words.ts'
import { buildApp } from '../http/app.ts'
import { NOTHING_ARCHIVED } from '../http/pages/genome-pages.ts'
import { EXIT } from './exit-codes.ts'
import { serveAccess } from './serve-access.ts'
import { type ServeFlags, serveSettings } from './serve-settings.ts'
import { packageVersion } from './version.ts'

// Downloads may go on this long after a stop was asked for.
const GRACE_MS = 10_000
// How often it is looked whether an archive was seen in a new state.
const RECHECK_MS = 1000

/** Runs the server until it is told to stop. Throws when the start fails. */
export async function runServe(flags: ServeFlags, defaultPort?: string): Promise<number> {
  const { values, source } = await serveSettings(flags, defaultPort)
  const logger = pino({ level: values['log-level'] })
  const depot = await Depot.open(source)
  const access = serveAccess(values, depot.current.archiveFolder, logger)
  // Who is refused goes into the audit: a server that could not write it must not begin to serve what is controlled.
  if (depot.current.access.restricts) await access.state.open()
  const app = await buildApp({
    depot,
    access,
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
  tell(logger, depot)
  const stopWatching = keepFresh(depot, logger, Number(values['watch-interval']))
  void checkInBackground(depot, logger)
  await stopped(logger, async () => {
    await app.close()
    stopWatching()
    await access.close()
    await depot.close()
  })
  return EXIT.ok
}

async function listen(app: FastifyInstance, values: SettingValues): Promise<void> {
  try {
    await (values.socket === ''
      ? app.listen({ port: Number(values.port), host: values.host })
      : app.listen({ path: values.socket }))
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    const at = values.socket === '' ? `port ${values.port}` : values.socket
    if (code === 'EACCES') throw new Error(`no permission to listen on ${at}; try -p 8080`)
    if (code === 'EADDRINUSE') throw new Error(`${at} is in use; give another one with -p`)
    throw error
  }
}

/** What an operator should know of a new catalogue. */
function tell(logger: Logger, depot: Depot): void {
  const { catalogue, archiveFolder, configFile: config, notes, access } = depot.current
  const controlled = access.restricts ? { controlled: access.size } : {}
  const counts = {
    genomes: catalogue.genomes.length,
    archives: catalogue.archiveCount,
    ...controlled,
  }
  logger.info({ config, archiveFolder, ...counts }, 'catalogue loaded')
  for (const note of notes) logger.warn(note)
  if (catalogue.archiveCount === 0) logger.warn(NOTHING_ARCHIVED)
  for (const genome of catalogue.genomes) {
    for (const alias of genome.aliases.filter(isReserved)) {
      logger.warn(`genome '${alias}' has a reserved name: native URLs reach it by digest only`)
    }
  }
}

/** Reloads when a config file changes or SIGHUP comes; a broken config is reported and the old catalogue stays. */
function keepFresh(depot: Depot, logger: Logger, seconds: number): () => void {
  const reload = () => {
    depot.reload().then(
      () => {
        tell(logger, depot)
        return checkInBackground(depot, logger)
      },
      error =>
        logger.error({ err: error }, 'the changed config is broken; the old catalogue stays'),
    )
  }
  process.on('SIGHUP', reload)
  // An archive that was replaced without a change of the config is hashed anew soon after somebody has asked for it.
  const recheck = () => {
    if (depot.progress.state === 'done' && depot.current.ledger.takeStale()) {
      void checkInBackground(depot, logger)
    }
  }
  const timer = setInterval(recheck, RECHECK_MS)
  timer.unref()
  const stop =
    seconds > 0 ? watchFiles(() => depot.current.files, reload, seconds * 1000) : () => {}
  return () => {
    clearInterval(timer)
    stop()
    process.off('SIGHUP', reload)
  }
}

async function checkInBackground(depot: Depot, logger: Logger): Promise<void> {
  try {
    for (const damage of await depot.check()) {
      logger.error({ ...damage }, 'an archive is damaged')
    }
    if (depot.current.ledger.memoryOnly) {
      logger.warn('computed digests cannot be kept; give a writable folder with --state-folder')
    }
  } catch (error) {
    logger.error({ err: error }, 'the check of the archives failed')
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
