/** What several workers share: the end of one leaves the others alone, budgets and counts are of one server. */
import { once } from 'node:events'
import t from 'tap'
import { numbersOf, settledNumbers, sizedArchives } from '../support/counting-app.ts'
import { runHere } from '../support/run-here.ts'
import { answering, BIG, LIST, MB, statuses, twoWorkers, until } from '../support/two-workers.ts'
import {
  ask,
  askAll,
  begun,
  childrenOf,
  ended,
  md5Of,
  runningOf,
} from '../support/worker-requests.ts'

t.test('a killed worker is replaced, and the primary process takes its workers along', async t => {
  const folder = t.testdir({})
  const { config, digests } = await sizedArchives(folder, { big: BIG })
  const served = await twoWorkers(t, ['-c', config, '--watch-interval', '0'])
  const { url, child, log } = served
  const before = await answering(served)
  const pidOf = (worker: unknown) => log.find(line => line.worker === worker)?.pid as number
  const downloads = await Promise.all([1, 2].map(() => begun(`${url}/t7/assets/big/archive`)))
  const [victim] = before
  process.kill(pidOf(victim), 'SIGKILL')
  t.match(await served.logged(/a worker has ended/), { worker: victim, signal: 'SIGKILL' })
  const ends = await Promise.allSettled(downloads.map(ended))
  const whole = ends.flatMap(end => (end.status === 'fulfilled' ? [md5Of(end.value.body)] : []))
  t.same(whole, [digests.big], 'the download of the other one notices nothing')
  await until(async () => (await answering(served)).size === 2)
  t.notOk((await answering(served)).has(victim))

  const workers = await childrenOf(child.pid as number)
  t.equal(workers.length, 2)
  child.kill('SIGKILL')
  await once(child, 'exit')
  await until(async () => (await runningOf(workers)).length === 0)
  t.pass('no worker is left')
})

t.test('budgets, guesses and tokens hold over all workers', async t => {
  const folder = t.testdir({})
  const { config } = await sizedArchives(folder, { small: 100_000, big: BIG })
  const made = await runHere([
    'token',
    'create',
    '--name',
    'alice',
    '--scope',
    'admin',
    '-c',
    config,
  ])
  const token = /rdp_\w+/.exec(made.stdout)?.[0] as string
  const served = await twoWorkers(t, [
    ...['-c', config, '--watch-interval', '0', '--transfers-address', '3'],
    ...['--limit-token', '250KB/y'],
  ])
  const archive = (asset: string) => `${served.url}/t7/assets/${asset}/archive`
  const running = await Promise.all([1, 2, 3].map(() => begun(archive('big'))))
  t.same(statuses(running.map(({ statusCode: status = 0 }) => ({ status }))), [200])
  t.same(statuses(await askAll(archive('small'))), [429], 'three at a time, wherever they run')
  t.match((await ask(archive('small'))).headers, { 'retry-after': '1' })
  for (const response of running) response.destroy()
  await until(async () => (await ask(archive('small'))).status === 200)

  const bearer = { authorization: `Bearer ${token}` }
  const spent = (await askAll(archive('small'), bearer)).map(({ status }) => status)
  t.same(spent, [200, 200, 200, 429, 429, 429], 'a budget is spent once, not once a worker')

  const guess = (i: number) => ({ authorization: `Bearer rdp_${`${i}`.padStart(11, 'a')}_x` })
  const guesses: number[] = []
  for (let i = 0; i < 14; i += 1) guesses.push((await ask(served.url + LIST, guess(i))).status)
  t.same(guesses.slice(0, 11), Array(11).fill(200))
  t.ok(guesses.slice(11).includes(429), 'guesses are slowed down together')
  t.same(statuses(await askAll(served.url + LIST, bearer)), [200], 'who was accepted still passes')

  const refused = async () =>
    (await askAll(served.url + LIST, bearer)).map(({ headers }) => 'www-authenticate' in headers)
  t.same(await refused(), Array(6).fill(false))
  await runHere(['token', 'revoke', 'alice', '-c', config])
  t.same(await refused(), Array(6).fill(true), 'a revoked token ends in all workers at once')
})

t.test('segments that several workers have sent are one download', async t => {
  const folder = t.testdir({})
  const { config } = await sizedArchives(folder, { middle: 4 * MB, small: 1000 })
  const args = ['-c', config, '--watch-interval', '0', '--count-downloads', 'true']
  const served = await twoWorkers(t, args)
  const archive = `${served.url}/t7/assets/middle/archive`
  const segment = (i: number) => ask(archive, { range: `bytes=${i * MB}-${(i + 1) * MB - 1}` })
  t.same(statuses(await Promise.all([0, 1, 2, 3].map(segment))), [206])
  await Promise.all(Array.from({ length: 20 }, () => ask(`${served.url}/t7/assets/small/archive`)))
  const numbers = await settledNumbers(served.url, 'middle', 1, 3000)
  t.match(numbers, { downloads: 1, bytes: 4 * MB })
  t.match(await settledNumbers(served.url, 'small', 20, 3000), { downloads: 20, bytes: 20_000 })
  const shown = await Promise.all([1, 2, 3, 4].map(() => numbersOf(served.url, 'small')))
  t.ok(
    shown.every(({ downloads }) => downloads === 20),
    'all workers show the same',
  )
  t.equal(await served.stop(), 0)
})
