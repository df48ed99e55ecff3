/** Programs that a test has started, and their end: they exit by themselves or by a signal, early or late. */
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'

/** True once it has ended, whichever way; its exit code alone says nothing of one that a signal has ended. */
export function hasEnded({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null
}

/** Sends it a signal unless it has ended, and waits until it has. */
export async function ended(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (hasEnded(child)) return
  const exit = once(child, 'exit')
  child.kill(signal)
  await exit
}
