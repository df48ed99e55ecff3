#!/usr/bin/env node
/** The program `refdepot`. */
import { runProgram } from './program.ts'

process.exitCode = await runProgram(process.argv.slice(2), { name: 'refdepot' })
