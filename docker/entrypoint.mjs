// Lets the words of both programs follow the image's name: `serve -c …`, `refdepot serve -c …` and, as scripts written
// for the peer's image have it, `refgenieserver serve -c …`. It loads the program into this process instead of starting
// another one, so that process 1 gets the SIGTERM of `docker stop` itself, and it needs no shell in the image.
import process from 'node:process'
import { fileURLToPath } from 'node:url'

const PROGRAMS = {
  refdepot: '../dist/cli/main.js',
  refgenieserver: '../dist/cli/refgenieserver.js',
}

const named = Object.hasOwn(PROGRAMS, process.argv[2] ?? '')
const program = new URL(named ? PROGRAMS[process.argv[2]] : PROGRAMS.refdepot, import.meta.url)
process.argv.splice(1, named ? 2 : 1, fileURLToPath(program))
await import(program)
