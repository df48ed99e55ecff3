/** Archives a genome folder again, in a process that a test can kill: `create-once.ts CONFIG`. Says a word when it begins. */
import { openTarget } from '../../src/archive/archive-target.ts'
import { createArchives } from '../../src/archive/create-archives.ts'

const target = await openTarget(process.argv[2] as string)
process.stdout.write('begins\n')
await createArchives(target, { registryPaths: [], force: true, jobs: 1 })
