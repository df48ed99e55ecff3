// Keeps a program on one core.

/** Program and arguments that run the given ones on a core; unchanged without one. taskset becomes the program, its process id stays. */
export function pinned(core, program, args) {
  return core === undefined ? [program, args] : ['taskset', ['-c', String(core), program, ...args]]
}
