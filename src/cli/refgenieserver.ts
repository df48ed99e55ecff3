#!/usr/bin/env node
/** The program under the peer's name, with the peer's port: `refgenieserver serve -c CONFIG` goes on working. */
import { runProgram } from './program.ts'

process.exitCode = await runProgram(process.argv.slice(2), { name: 'refgenieserver', port: '80' })
