/** Long work in slices: whoever goes through a large catalogue lets requests be answered in between. */
import { setImmediate as nextTurn } from 'node:timers/promises'

// What a request may have to wait, in milliseconds.
const SLICE_MS = 5

/** A function to be awaited between two steps: it lets other work have its turn when a slice is used up. */
export function timeSlices(): () => Promise<void> {
  let since = performance.now()
  return async () => {
    if (performance.now() - since < SLICE_MS) return
    await nextTurn()
    since = performance.now()
  }
}
