/** Waits for what will be so, however loaded the machine is. */
import { setTimeout as wait } from 'node:timers/promises'

const WAIT_MS = 60_000
const LOOK_MS = 50

/**
 * Waits until something is so; when it cannot be seen it is not so yet.
 *
 * @throws Error when it is not so within a minute
 */
export async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  for (const end = Date.now() + WAIT_MS; Date.now() < end; await wait(LOOK_MS)) {
    if (await isSo().catch(() => false)) return
  }
  throw new Error(`${what}: not within ${WAIT_MS / 1000} s`)
}
