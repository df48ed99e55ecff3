/** Work that ends in good order when the process is told to stop: SIGINT (Ctrl-C), SIGTERM, SIGHUP. */
import { setMaxListeners } from 'node:events'

// What shells tell of a process that a signal has ended: 128 and its number.
const CODES = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const

/** Why work was broken off. */
class Stopped extends Error {}

/**
 * Runs work until it ends or a signal comes; a second signal ends the process at once.
 *
 * @param work - gets a signal that is aborted; what it leaves must be usable for a later run
 * @returns the exit code: of the work, or of the signal
 */
export async function untilStopped(
  work: (signal: AbortSignal) => Promise<number>,
): Promise<number> {
  const control = new AbortController()
  // As many listen to it as there are requests at a time.
  setMaxListeners(0, control.signal)
  let code: number | undefined
  const names = Object.keys(CODES) as (keyof typeof CODES)[]
  const stop = (name: NodeJS.Signals) => {
    code = CODES[name as keyof typeof CODES]
    for (const each of names) process.removeListener(each, stop)
    control.abort(new Stopped(`stopped by ${name}`))
  }
  for (const name of names) process.on(name, stop)
  // A file beyond `ulimit -f` is an error of writing, not the end of the process.
  process.on('SIGXFSZ', goOn)
  try {
    return await work(control.signal)
  } catch (error) {
    if (code === undefined || !control.signal.aborted) throw error
    const text = 'stopped; what has arrived is kept, and the same command goes on from there\n'
    process.stderr.write(text)
    return code
  } finally {
    for (const name of names) process.removeListener(name, stop)
    process.removeListener('SIGXFSZ', goOn)
  }
}

function goOn(): void {}
