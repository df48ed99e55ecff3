/**
 * How Node.js runs in a worker: several processes share the memory of one machine, so each takes less ahead of its needs.
 *
 * What each part brings is measured in docs/performance.md. Whatever an operator has said of the same thing counts.
 */

// The young generation of V8 in MB, in the place of 16; large bytes are not in it.
const NODE_FLAG = '--max-semi-space-size=1'
// glibc gives each thread an arena, and keeps in all of them what was freed in one. Other C libraries do not know the variable.
const ARENAS = 'MALLOC_ARENA_MAX'

/** Flags of Node.js for a worker: those of this process, and those that save memory. */
export function workerNodeFlags(own: readonly string[] = process.execArgv): string[] {
  return [NODE_FLAG, ...own]
}

/** The variables that a worker gets besides those of this process. */
export function workerEnvironment(own: NodeJS.ProcessEnv = process.env): Record<string, string> {
  return own[ARENAS] === undefined ? { [ARENAS]: '1' } : {}
}
