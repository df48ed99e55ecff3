import { once } from 'node:events'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { openState } from '../../src/state/open-state.ts'
import { numbersOf, settledNumbers, sizedArchives } from '../support/counting-app.ts'
import { T7 } from '../support/genome-fixtures.ts'
import { serveCli } from '../support/run-cli.ts'
import { runHere } from '../support/run-here.ts'

const SIZES = { a: 1000, b: 2000 }
const SETTLE_MS = 2500

/** An archive folder whose archives were downloaded on two days. */
async function counted(t: Test) {
  const folder = t.testdir({})
  const { config, digests } = await sizedArchives(folder, SIZES)
  const place = join(folder, '.refdepot', 'state.sqlite')
  const state = await openState(place)
  const row = (archive: string, day: string, downloads: number, bytes: number) =>
    ({ archive, day, downloads, bytes }) as const
  const [a, b] = [digests.a as string, digests.b as string]
  const days = [
    row(a, '2026-01-01', 2, 2000),
    row(b, '2026-01-02', 1, 2500),
    row('f'.repeat(32), '2026-01-02', 9, 9),
  ]
  await state.downloads.add({ days, parts: [] })
  await state.close()
  return { folder, config, digests: { a, b }, place }
}

t.test('stats prints the counts of what is archived', async t => {
  const { config, digests, place } = await counted(t)
  const table = await runHere(['stats', '-c', config])
  t.equal(table.code, 0, table.stderr)
  t.match(table.stdout, /^Asset +Digest +Downloads +Sent\n/)
  t.match(table.stdout, new RegExp(`${T7}/a:default +${digests.a} +2 +1.95 KB\n`))
  t.match(table.stdout, /all together +3 +4.39 KB\n$/)
  const csv = await runHere(['stats', '--csv', '-c', config, '--since', '2026-01-02'])
  t.equal(
    csv.stdout,
    `day,registry_path,archive,downloads,bytes\n2026-01-02,${T7}/b:default,${digests.b},1,2500\n`,
  )
  const json = await runHere(['stats', '--json', '-c', config, '--until', '2026-01-01'])
  t.match(JSON.parse(json.stdout), {
    until: '2026-01-01',
    totals: { downloads: 2, bytes: 2000 },
    items: [
      { registry_path: `${T7}/a:default`, days: [{ day: '2026-01-01', downloads: 2 }] },
      { downloads: 0, days: [] },
    ],
  })
  const all = await runHere(['stats', '--state', place])
  t.match(all.stdout, /- +f{32} +9 +9.00 B\n/, 'without a config everything that was ever counted')
  t.match(all.stdout, /all together +12 /)
  for (const [flag, day] of [
    ['--since', 'yesterday'],
    ['--until', '2026-02-30'],
  ] as const) {
    const bad = await runHere(['stats', '-c', config, flag, day])
    t.equal(bad.code, 2)
    t.match(bad.stderr, `${flag}`)
  }
})

t.test('without a state nothing was counted, and none is made', async t => {
  const folder = t.testdir({ file: 'x' })
  const { config } = await sizedArchives(folder, SIZES)
  t.match((await runHere(['stats', '-c', config])).stdout, /all together +0 +0/)
  const list = JSON.parse((await runHere(['archive', 'list', '--json', '-c', config])).stdout)
  t.match(list, [{ downloads: 0 }, { downloads: 0 }])
  await t.rejects(stat(join(folder, '.refdepot', 'state.sqlite')))
})

t.test('archive list shows downloads, and lists also when nobody can tell them', async t => {
  const { config, place } = await counted(t)
  const list = await runHere(['archive', 'list', '-c', config])
  t.match(list.stdout, /a__default.tgz.* 2\n/)
  t.match(list.stdout, /b__default.tgz.* 1\n/)
  const csv = await runHere(['archive', 'list', '--csv', '-c', config, '--state', place])
  t.match(csv.stdout, /a__default.tgz,1000,.*,2\n/)
  const unknown = await runHere(['archive', 'list', '-c', config, '--state', config])
  t.equal(unknown.code, 0, unknown.stderr)
  t.match(unknown.stderr, /no downloads: cannot use the state/)
  t.match(unknown.stdout, /a__default.tgz.* -\n/)
  const json = await runHere(['archive', 'list', '--json', '-c', config, '--state', config])
  t.match(JSON.parse(json.stdout), [{ downloads: null }, { downloads: null }])
})

t.test('kill -9 loses nothing that was written', async t => {
  const folder = t.testdir({})
  const { config } = await sizedArchives(folder, SIZES)
  const { child, url } = await serveCli(t, ['-c', config, '--count-downloads', 'true'])
  const get = async (from: string) => (await fetch(`${from}/t7/assets/a/archive`)).arrayBuffer()
  await get(url)
  t.same(await settledNumbers(url, 'a', 1, SETTLE_MS), { downloads: 1, bytes: SIZES.a })
  child.kill('SIGKILL')
  await once(child, 'exit')
  const again = await serveCli(t, ['-c', config, '--count-downloads', 'true'])
  t.same(await numbersOf(again.url, 'a'), { downloads: 1, bytes: SIZES.a })
  await get(again.url)
  t.equal(await again.stop(), 0)
  t.match((await runHere(['stats', '-c', config])).stdout, /all together +2 /, 'a stop writes all')
})

t.test('counting can be switched off, and then makes no state', async t => {
  const folder = t.testdir({})
  const { config } = await sizedArchives(folder, SIZES)
  const { url, stop } = await serveCli(t, ['-c', config, '--count-downloads', 'false'])
  await (await fetch(`${url}/t7/assets/a/archive`)).arrayBuffer()
  t.same(await settledNumbers(url, 'a', 0, SETTLE_MS), { downloads: 0, bytes: 0 })
  t.match(await (await fetch(`${url}/t7/assets/a`)).json(), { downloads: null })
  await stop()
  await t.rejects(stat(join(folder, '.refdepot', 'state.sqlite')))
})
