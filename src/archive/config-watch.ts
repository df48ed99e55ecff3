/** Notices that a config file has changed. */
import { stat } from 'node:fs/promises'

/**
 * Calls back when a file has changed and come to rest.
 *
 * It asks for size and time instead of waiting for events: events miss network folders, container mounts and files replaced by
 * a link. The Python tools write configs in place, so a change counts only when the next look finds the same state again: a
 * half-written file is not read.
 *
 * @param files - asked anew at each look, since a reload may read other files
 * @param everyMs - milliseconds between two looks
 * @param readSince - when the files were read first (ms since 1970): what is newer has changed already
 * @returns a function that stops the watching
 */
export function watchFiles(
  files: () => readonly string[],
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
    const { text: now, newest } = await stateOf(files())
    looking = false
    if (settled === undefined) settled = newest > readSince ? '' : now
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

async function stateOf(files: readonly string[]): Promise<{ text: string; newest: number }> {
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
