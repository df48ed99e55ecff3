/** What a running server tells of its archives. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { settle } from '../../src/cli/serve-fresh.ts'
import { exampleCopy } from '../support/example-folder.ts'
import { T7 } from '../support/genome-fixtures.ts'
import { startApp } from '../support/start-app.ts'

t.test(
  'a damage is told once, however often it is looked for, and again when it is another',
  async t => {
    const { folder: archiveFolder, config } = await exampleCopy(t)
    const { depot } = await startApp(t, { config, archiveFolder })
    const told: unknown[] = []
    const logger = {
      error: (damage: object) => told.push(damage),
      warn: () => {},
      info: () => {},
    } as unknown as Parameters<typeof settle>[0]['logger']
    const look = () => settle({ depot, logger })
    const file = join(T7, 'fasta__default.tgz')
    await writeFile(join(archiveFolder, file), 'replaced')
    // The second look overtakes the first one, which then ends with what the second has found.
    await Promise.all([look(), look()])
    await look()
    t.match(told, [{ file, problem: 'damaged' }])
    await writeFile(join(archiveFolder, file), '')
    await look()
    t.match(told.slice(1), [{ file, problem: 'empty' }])
    t.equal(told.length, 2)
  },
)
