/** `refdepot serve` with several workers: the primary process listens and looks after them, they answer. */
import cluster from 'node:cluster'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { pino } from 'pino'
import { EXIT } from './exit-codes.ts'
import type { PlainSettings } from './serve-settings.ts'
import { GRACE_MS, stopped } from './stopped.ts'
import { WorkerCrew } from './worker-crew.ts'
import { WorkerDesk } from './worker-desk.ts'
import { workerNodeFlags } from './worker-memory.ts'

// Workers get the usual grace, and a moment to say that they have ended.
const CREW_GRACE_MS = GRACE_MS + 3000

/** Runs a server of several workers until it is told to stop. Throws when the start fails. */
export async function serveWorkers(settings: PlainSettings, size: number): Promise<number> {
  const { values } = settings
  const logger = pino({ level: values['log-level'] })
  const desk = new WorkerDesk(values)
  // The same extension as this file: TypeScript in tests, JavaScript when built.
  const file = new URL(`./worker-main${extname(fileURLToPath(import.meta.url))}`, import.meta.url)
  cluster.setupPrimary({ exec: fileURLToPath(file), args: [], execArgv: workerNodeFlags() })
  // The kernel would give most of a few long downloads to one worker (docs/performance.md).
  cluster.schedulingPolicy = cluster.SCHED_RR
  const crew = new WorkerCrew({ settings, size, logger, desk })
  const starting = crew.start()
  const roll = () => void starting.then(() => crew.roll()).catch(() => {})
  process.on('SIGHUP', roll)
  let stopping = false
  const stop = stopped(logger, CREW_GRACE_MS, async () => {
    stopping = true
    const ends = await crew.stop()
    await desk.close()
    if (ends.some(({ code }) => code !== 0)) throw new Error('a worker did not end in good order')
  })
  try {
    // Who is told to stop while workers start has not failed to start them.
    await Promise.race([starting.catch(error => (stopping ? stop : Promise.reject(error))), stop])
    await Promise.race([stop, crew.failure])
  } finally {
    process.off('SIGHUP', roll)
    await desk.close()
  }
  return EXIT.ok
}
