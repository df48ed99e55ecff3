/** `refdepot serve` in one process: starts the server, watches the config, stops in good order. */
import { pino } from 'pino'
import { builtServer, listen } from './built-server.ts'
import { EXIT } from './exit-codes.ts'
import { keepFresh, settle, tell } from './serve-fresh.ts'
import type { ServeSettings } from './serve-settings.ts'
import { GRACE_MS, stopped } from './stopped.ts'

/** Runs a server of one process until it is told to stop. Throws when the start fails. */
export async function serveAlone(settings: ServeSettings): Promise<number> {
  const { values, reader } = settings
  const logger = pino({ level: values['log-level'] })
  const { app, depot, access, uploads, close } = await builtServer(settings, logger)
  await listen(app, values)
  tell(logger, depot.current)
  const fresh = { depot, access, logger, reader }
  const stopWatching = keepFresh(fresh, Number(values['watch-interval']))
  uploads?.keepSwept()
  void settle(fresh)
  await stopped(logger, GRACE_MS, async () => {
    stopWatching()
    await close()
  })
  return EXIT.ok
}
