/** The scenarios of the benchmark of serving, as far as they can be looked at without their peers. */
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import t from 'tap'

const usage = spawnSync(process.execPath, ['bench/serve.mjs', 'no-such-scenario'], {
  encoding: 'utf8',
})
const names = /scenarios: (.*)/.exec(usage.stderr)?.[1]?.split(', ') ?? []

t.test('what is no scenario is refused before anything starts', async t => {
  t.equal(usage.status, 2)
  t.equal(spawnSync(process.execPath, ['bench/serve.mjs', '--runs', '0']).status, 2)
})

t.test('every scenario is run, and explained', async t => {
  const files = readdirSync('bench/scenarios').filter(file =>
    readFileSync(`bench/scenarios/${file}`, 'utf8').includes('export const scenario'),
  )
  t.same(
    names.toSorted(),
    files.map(file => file.replace('.mjs', '')),
  )
  const notes = readFileSync('docs/performance.md', 'utf8')
  for (const name of names) t.ok(notes.includes(`| \`${name}\` |`), `${name} is in the notes`)
})

t.test('every scenario has a promise, and a unit for what it measures', async t => {
  for (const name of names) {
    const { scenario } = await import(`../../bench/scenarios/${name}.mjs`)
    t.ok(
      scenario.comparisons.some(
        ({ least, most }: { least?: number; most?: number }) => (least ?? most ?? 0) > 0,
      ),
      name,
    )
    for (const { measure } of scenario.comparisons) t.type(scenario.units[measure], 'string')
  }
})
