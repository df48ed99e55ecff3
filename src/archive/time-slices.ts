/** Long work in slices: whoever goes through a large catalogue lets requests be answered in between. */
import { setImmediate as nextTurn } from 'node:timers/promises'

// What a request may have to wait, in milliseconds.
const SLICE_MS = 5

/**
 * A function to be awaited between two steps: it lets other work have its turn when a slice is used up.
 *
 * @param now - the time, in milliseconds since whenever
 */
export function timeSlices(now: () => number = () => performance.now()): () => Promise<void> {
  let since = now()
  return async () => {
    if (now() - since < SLICE_MS) return
    await nextTurn()
    since = now()
  }
}
