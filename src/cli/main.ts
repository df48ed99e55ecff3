#!/usr/bin/env node
/** The program `refdepot`. */
import { isTooOld, NODE_FLOOR } from './node-version.ts'
import { spareMemory } from './sparing-memory.ts'

// What fetches runs beside the work it fetches for. Before anything is loaded: what has grown by then does not shrink.
const FETCHING = new Set(['pull', 'sync', 'mirror', 'bundle'])

if (isTooOld(process.versions.node)) {
  process.stderr.write(
    `refdepot needs Node.js ${NODE_FLOOR} or newer; this is ${process.version}\n`,
  )
  process.exitCode = 1
} else {
  if (FETCHING.has(process.argv[2] ?? '')) spareMemory()
  // Only now: older versions of Node.js cannot load the rest.
  const { runProgram } = await import('./program.ts')
  const { surviveClosedOutput } = await import('./closed-output.ts')
  surviveClosedOutput()
  process.exitCode = await runProgram(process.argv.slice(2), { name: 'refdepot' })
}
