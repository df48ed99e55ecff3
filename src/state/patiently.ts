/** Waits for a database that another process is writing to, without blocking this one. */
import { setTimeout as wait } from 'node:timers/promises'

// What the databases say when somebody else was first: SQLite, and PostgreSQL (serialization failure, deadlock).
const BUSY = /^(?:SQLITE_BUSY|SQLITE_LOCKED|40001$|40P01$)/
const PATIENCE_MS = 20_000
const FIRST_WAIT_MS = 5
const LONGEST_WAIT_MS = 250

/** Does something with a database, again and again for some time while that is busy. It must be fine to do it twice. */
export async function patiently<T>(work: () => Promise<T>, patienceMs = PATIENCE_MS): Promise<T> {
  const until = Date.now() + patienceMs
  for (let pause = FIRST_WAIT_MS; ; pause = Math.min(pause * 2, LONGEST_WAIT_MS)) {
    try {
      return await work()
    } catch (error) {
      const code = String((error as { code?: unknown }).code ?? '')
      if (!BUSY.test(code) || Date.now() > until) throw error
    }
    // Different waits, so that two who met do not meet again.
    await wait(pause * (0.5 + Math.random()))
  }
}
