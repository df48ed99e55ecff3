/** How Node.js runs in a client: beside the work it fetches for, on machines that are shared. */
import { setFlagsFromString } from 'node:v8'

/**
 * Keeps the young generation of V8 at its first size, in the place of 16 MB three times, and lets the old one grow by a fifth before it is looked
 * through: with a list of 10,000 assets that is a third of all memory. Large bytes are in neither, so downloads are as fast.
 */
export function spareMemory(): void {
  // Both are read each time; `--max-semi-space-size` counts at the start of a process only.
  setFlagsFromString('--semi-space-growth-factor=1')
  setFlagsFromString('--heap-growing-percent=20')
}
