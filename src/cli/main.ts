#!/usr/bin/env node
/** The program `refdepot`. */
import { isTooOld, NODE_FLOOR } from './node-version.ts'

if (isTooOld(process.versions.node)) {
  process.stderr.write(
    `refdepot needs Node.js ${NODE_FLOOR} or newer; this is ${process.version}\n`,
  )
  process.exitCode = 1
} else {
  // Only now: older versions of Node.js cannot load the rest.
  const { runProgram } = await import('./program.ts')
  const { surviveClosedOutput } = await import('./closed-output.ts')
  surviveClosedOutput()
  process.exitCode = await runProgram(process.argv.slice(2), { name: 'refdepot' })
}
