/** Notices that a config file has changed. */
import { stat } from 'node:fs/promises'

// A kernel stamps files with the time of its last tick.
const TICK_MS = 10

/** What something that is watched looks like. */
export interface SourceState {
  /** Differs when anything has changed. */
  readonly text: string
  /** Time of the newest part, ms since 1970. */
  readonly newest: number
}

/**
 * Calls back when a file has changed and come to rest.
 *
 * It asks for size and time instead of waiting for events: events miss network folders, container mounts and files replaced by
 * a link. The Python tools write configs in place, so a change counts only when the next look finds the same state again: a
 * half-written file is not read.
 *
 * @param state - asked anew at each look, since a reload may read other files; a look that fails is no change
 * @param everyMs - milliseconds between two looks
 * @param readSince - when the files were read first (ms since 1970): what is newer, or may be, has changed already
 * @returns a function that stops the watching
 */
export function watchState(
  state: () => Promise<SourceState>,
  changed: () => void,
  everyMs: number,
  readSince = Number.POSITIVE_INFINITY,
): () => void {
  let settled: string | undefined
  let last: string | undefined
  let looking = false
  const look = async () => {
    if (looking) return
    looking = true
    const seen = await state().catch(() => undefined)
    looking = false
    if (seen === undefined) return
    const { text: now, newest } = seen
    if (settled === undefined) settled = mayBeAfter(newest, readSince) ? '' : now
    if (now !== settled && now === last) {
      settled = now
      changed()
    }
    last = now
  }
  const timer = setInterval(look, everyMs)
  timer.unref()
  void look()
  return () => clearInterval(timer)
}

/** True when something of this time may have happened after another time. Some file systems keep whole seconds: the time of the begin of one says nothing of when in it. */
function mayBeAfter(time: number, since: number): boolean {
  return time + (time % 1000 === 0 ? 1000 : TICK_MS) > since
}

/** The state of files: sizes, times and inodes. */
export async function stateOfFiles(files: readonly string[]): Promise<SourceState> {
  const states = await Promise.all(
    files.map(file =>
      stat(file).then(
        ({ size, mtimeMs, ino }) => ({ text: `${size}-${mtimeMs}-${ino}`, time: mtimeMs }),
        () => ({ text: 'absent', time: 0 }),
      ),
    ),
  )
  return {
    text: states.map(({ text }) => text).join(' '),
    newest: Math.max(...states.map(({ time }) => time)),
  }
}
