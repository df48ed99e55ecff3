import { readFile } from 'node:fs/promises'
import t from 'tap'
import { isTooOld, NODE_FLOOR } from '../../src/cli/node-version.ts'

t.test('versions below the floor of package.json are too old', async t => {
  const { engines } = JSON.parse(await readFile('package.json', 'utf8'))
  t.equal(`>=${NODE_FLOOR.replace(/\.0$/, '')}`, engines.node)
  for (const old of ['20.18.3', '18.20.8', '9.11.2']) t.ok(isTooOld(old), old)
  for (const fine of ['20.19.0', '20.19.1', '20.20.0', '22.0.0', '100.0.0'])
    t.notOk(isTooOld(fine), fine)
})
