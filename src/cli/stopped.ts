/** Waits until a process is told to stop, and stops it in good order. */
import closeWithGrace from 'close-with-grace'
import type { Logger } from 'pino'

/** Downloads may go on this long after a stop was asked for, in ms. */
export const GRACE_MS = 10_000

/**
 * Waits until a stop is asked for and carried out; the process ends right after `stop`, so everything must happen in it.
 *
 * @param graceMs - after which the process ends in any case
 * @param asked - asks for a stop too when it is fulfilled
 */
export function stopped(
  logger: Logger,
  graceMs: number,
  stop: () => Promise<void>,
  asked?: Promise<unknown>,
): Promise<void> {
  return new Promise(done => {
    // SIGHUP has another meaning for servers.
    const options = {
      delay: graceMs,
      logger: false as const,
      skip: ['SIGHUP' as const, 'beforeExit' as const],
    }
    const { close } = closeWithGrace(options, async ({ err }) => {
      if (err !== undefined) logger.fatal({ err }, 'stopping after an unexpected error')
      await stop()
      done()
    })
    void asked?.then(close)
  })
}
