/** A process that imports a bundle and is killed at one of its renames: `import-and-die.ts DATA BUNDLE NUMBER`. */
import { rename } from 'node:fs/promises'
import { importBundle } from '../../src/datasets/import-bundle.ts'

const [data = '', file = '', last = ''] = process.argv.slice(2)
let moves = 0
await importBundle({
  data,
  file,
  move: async (from, to) => {
    if (moves === Number(last)) process.kill(process.pid, 'SIGKILL')
    moves += 1
    await rename(from, to)
  },
})
