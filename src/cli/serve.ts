/** `refdepot serve`: decides how many processes serve, and loads what this one needs for its part. */
import { plainSettings, type ServeFlags, serveSettings } from './serve-settings.ts'
import { workerCount } from './worker-count.ts'

/** Runs the server until it is told to stop. Throws when the start fails. */
export async function runServe(flags: ServeFlags, defaultPort?: string): Promise<number> {
  const settings = await serveSettings(flags, defaultPort)
  const workers = await workerCount(settings.values)
  if (workers === 1) return (await import('./serve-alone.ts')).serveAlone(settings)
  // The primary process answers no request: it goes without the modules that do, and without the config.
  const plain = plainSettings(settings)
  return (await import('./serve-workers.ts')).serveWorkers(plain, workers)
}
