/** The clock of a test, for what is over after a time: nothing needs to be quick before, and nobody waits. */
import type { Test } from 'tap'

/**
 * Puts the clock of this process forward until the test ends. Timers and `performance.now()` go on as they were.
 *
 * @param ms - by how much
 */
export function putForward(t: Test, ms: number): void {
  const { now } = Date
  t.teardown(() => {
    Date.now = now
  })
  Date.now = () => now() + ms
}
