// Where the benchmark of serving works, and what it runs.
import { resolve } from 'node:path'

/** Folder of everything that is made; may be deleted at any time. */
export const WORK = resolve('bench/.work')
/** The program as it is built. */
export const MAIN = resolve('dist/cli/main.js')
/** Numbers and samples of all benchmarks; each has a section. */
export const RESULTS = resolve('bench/results.json')
/** The core of servers, where a scenario counts per core. */
export const SERVER_CORE = 0
/** The core of clients, where a scenario counts per core. */
export const CLIENT_CORE = 1
