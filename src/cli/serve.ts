/** `refdepot serve`: starts the server, watches the config, stops in good order. */
import { pino } from 'pino'
import { builtServer, listen } from './built-server.ts'
import { EXIT } from './exit-codes.ts'
import { keepFresh, settle, tell } from './serve-fresh.ts'
import {
  plainSettings,
  type ServeFlags,
  type ServeSettings,
  serveSettings,
} from './serve-settings.ts'
import { serveWorkers } from './serve-workers.ts'
import { GRACE_MS, stopped } from './stopped.ts'
import { workerCount } from './worker-count.ts'

/** Runs the server until it is told to stop. Throws when the start fails. */
export async function runServe(flags: ServeFlags, defaultPort?: string): Promise<number> {
  const settings = await serveSettings(flags, defaultPort)
  const workers = await workerCount(settings.values)
  return workers > 1 ? serveWorkers(plainSettings(settings), workers) : serveAlone(settings)
}

/** One process does everything. */
async function serveAlone(settings: ServeSettings): Promise<number> {
  const { values, reader } = settings
  const logger = pino({ level: values['log-level'] })
  const { app, depot, access, uploads, close } = await builtServer(settings, logger)
  await listen(app, values)
  tell(logger, depot.current)
  const fresh = { depot, access, logger, ...(values.snapshot === 'true' && { reader }) }
  const stopWatching = keepFresh(fresh, Number(values['watch-interval']))
  uploads?.keepSwept()
  void settle(fresh)
  await stopped(logger, GRACE_MS, async () => {
    stopWatching()
    await close()
  })
  return EXIT.ok
}
