/** The ledger of bytes is what the store has given: for whole archives, ranges, and files out of an archive that is stored. */
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import t from 'tap'
import { serveFrom, withBucket } from '../support/peers/bucket.ts'
import { faultyProxy } from '../support/peers/faulty-proxy.ts'
import { run } from '../support/peers/run.ts'
import { s3Environment } from '../support/peers/versitygw.ts'

const TOLERANCE = 0.001

t.test('what is counted is what was served', async t => {
  const { made, push, s3, place } = await withBucket(t)
  await push()
  const between = await faultyProxy(t, s3.endpoint, [])
  const home = join(made.archiveFolder, '..')
  const server = await serveFrom(t, { ...s3, env: s3Environment(between.url) }, place, [
    '--count-downloads',
    'true',
    '--state',
    join(home, 'state.sqlite'),
  ])
  const url = `${server}/t7/assets/big/archive`
  const from = between.served.length
  for (const args of [
    ['-fsS', '-o', 'a.tgz', url],
    ['-fsS', '-o', 'b.tgz', '-r', '0-9999999', url],
    ['-fsS', '-o', 'b.tgz', '-C', '-', url],
    [
      '-fsS',
      '-o',
      'c.tgz',
      `${server}/v3/assets/archive/${made.tagFolder('x').split('/data/')[1]?.split('/')[0]}/big`,
    ],
  ]) {
    const done = await run('curl', args, { cwd: home })
    t.equal(done.code, 0, done.stderr)
  }
  await wait(4500)
  const served = between.served
    .slice(from)
    .filter(({ path }) => /\.tgz(?:\?|$)/.test(path))
    .reduce((sum, { bytes }) => sum + bytes, 0)
  const stats = (await (await fetch(`${server}/stats`)).json()) as {
    totals: { bytes: number; downloads: number }
  }
  t.ok(served > 80_000_000)
  t.ok(
    Math.abs(stats.totals.bytes - served) <= served * TOLERANCE,
    `${stats.totals.bytes} counted, ${served} served`,
  )
  t.equal(stats.totals.downloads, 3)
})
