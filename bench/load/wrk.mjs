// Small answers as fast as they come: wrk, on a core of its own.
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { pinned } from '../measure/pinned.mjs'

const run = promisify(execFile)
const scriptPath = name => fileURLToPath(new URL(name, import.meta.url))
// Slow peers answer the last of the connections after seconds; that is no error.
const TIMEOUT = '60s'

/** Connections that wrk keeps. */
export const CONNECTIONS = 16

/**
 * Loads a URL for some seconds; with `pathsFile` the paths in it, one a line, in turn.
 *
 * @returns `{ requests, bytes, seconds, wrongStatus, socketErrors, p50Ms, p99Ms }`; bytes are those of whole answers with their heads
 */
export async function wrk(url, { seconds, core, pathsFile }) {
  const [program, args] = pinned(core, 'wrk', [
    '-t1',
    `-c${CONNECTIONS}`,
    `-d${seconds}s`,
    '--timeout',
    TIMEOUT,
    '-s',
    scriptPath(pathsFile === undefined ? 'report.lua' : 'many-paths.lua'),
    url,
    ...(pathsFile === undefined ? [] : ['--', pathsFile]),
  ])
  const { stdout } = await run(program, args)
  const counted = /^COUNTED (.*)$/m.exec(stdout)
  if (counted === null) throw new Error(`wrk has counted nothing:\n${stdout}`)
  return JSON.parse(counted[1])
}
