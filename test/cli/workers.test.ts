/** Several workers read and check as one, and replace each other. */
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { Agent, get, type IncomingMessage } from 'node:http'
import { join } from 'node:path'
import t from 'tap'
import { replaceFile } from '../../src/storage/replace-file.ts'
import { sizedArchives } from '../support/counting-app.ts'
import { exampleCopy, T7_FASTA } from '../support/example-folder.ts'
import { T7 } from '../support/genome-fixtures.ts'
import { answering, BIG, count, LIST, statuses, twoWorkers, until } from '../support/two-workers.ts'
import {
  ask,
  askAll,
  begun,
  childrenOf,
  ended,
  md5Of,
  runningOf,
} from '../support/worker-requests.ts'

// One look at who answers may miss one who still does.
const ROUNDS = 5

t.test('two workers read, reload and check as one', async t => {
  const { folder, config } = await exampleCopy(t)
  const served = await twoWorkers(t, [
    '-c',
    config,
    '--archive-folder',
    folder,
    '--watch-interval',
    '0.05',
  ])
  const { url } = served
  const genomes = async () =>
    (await askAll(url + LIST)).map(({ body }) => JSON.parse(String(body)).length)
  const ready = async () =>
    (await askAll(`${url}/readyz`)).map(({ body }) => JSON.parse(String(body)))
  t.equal(count(served, /catalogue loaded/), 1, 'told once')
  await until(async () => (await ready()).every(({ check }) => check.state === 'done'))

  const text = await readFile(config, 'utf8')
  await replaceFile(config, 'genomes: [')
  await served.logged(/the changed config is broken; the old catalogue stays/)
  await until(async () => (await ready()).every(({ catalogue }) => catalogue.reload_failed))
  t.same(await genomes(), Array(6).fill(2), 'nobody serves what is broken')
  t.equal(count(served, /the changed config is broken/), 1)

  await replaceFile(config, `${text.slice(0, text.indexOf('  bcb56'))}\n`)
  await until(async () => (await genomes()).every(number => number === 1))
  t.ok((await ready()).every(({ catalogue }) => !catalogue.reload_failed))
  await until(() => count(served, /catalogue loaded/) > 1)
  t.equal(count(served, /catalogue loaded/), 2)

  await until(async () => (await ready()).every(({ check }) => check.state === 'done'))
  await replaceFile(join(folder, T7_FASTA), 'replaced')
  const archive = `${url}/v3/assets/archive/${T7}/fasta`
  await until(async () => (await askAll(archive)).every(({ status }) => status === 503))
  await until(async () => (await ready()).every(({ damaged }) => damaged.length === 1))
  await served.logged(/an archive is damaged/)
  t.equal(count(served, /an archive is damaged/), 1, 'one voice')

  // A link that one worker has signed is good for the other: there is no state that could keep a key.
  const link = `${url}/t7/assets/bowtie2_index/url`
  const signed = JSON.parse(String((await ask(link)).body)) as { url: string }
  t.same(statuses(await askAll(signed.url)), [200])
  t.equal(await served.stop(), 0)
  t.same(await childrenOf(served.child.pid as number), [])
})

t.test('SIGHUP replaces the workers, and no request is refused', async t => {
  const folder = t.testdir({})
  const { config, digests } = await sizedArchives(folder, { small: 2000, big: BIG })
  const served = await twoWorkers(t, ['-c', config, '--watch-interval', '0'])
  const { url, child } = served
  const before = await answering(served)
  const downloads = await Promise.all([1, 2, 3, 4].map(() => begun(`${url}/t7/assets/big/archive`)))

  let rolling = true
  const failures: unknown[] = []
  const agent = new Agent({ keepAlive: true, maxSockets: 4 })
  t.teardown(() => agent.destroy())
  const client = async (options: object) => {
    let answered = 0
    while (rolling) {
      try {
        const sent = get(`${url}/t7/assets/small/archive`, options)
        const [response] = (await once(sent, 'response')) as [IncomingMessage]
        const { status, body } = await ended(response)
        if (status !== 200 || md5Of(body) !== digests.small) failures.push(status)
        answered += 1
      } catch (error) {
        failures.push(error)
      }
    }
    return answered
  }
  const clients = [client({ agent }), client({ agent }), client({ agent: false })]
  child.kill('SIGHUP')
  await served.logged(/all workers were replaced/)
  // Those that end answer for a moment more, and say that their connections end.
  const isOld = (worker: unknown) => before.has(worker)
  const lately: Set<unknown>[] = []
  await until(async () => {
    lately.push(await answering(served))
    return lately.slice(-ROUNDS).every(seen => ![...seen].some(isOld)) && lately.length >= ROUNDS
  })
  const after = new Set(lately.slice(-ROUNDS).flatMap(seen => [...seen]))
  t.equal(after.size, 2, 'only new ones answer')
  rolling = false
  t.ok((await Promise.all(clients)).every(answered => answered > 0))
  t.same(failures, [])
  const whole = await Promise.all(downloads.map(ended))
  t.ok(
    whole.every(({ body }) => md5Of(body) === digests.big),
    'downloads of old workers end whole',
  )
  await until(async () => (await childrenOf(child.pid as number)).length === 2)

  await replaceFile(config, 'genomes: [')
  child.kill('SIGHUP')
  await served.logged(/workers cannot be replaced; the old ones stay/)
  t.same(
    [...(await answering(served))].sort(),
    [...after].sort(),
    'a broken config replaces nobody',
  )
  t.same(statuses(await askAll(url + LIST)), [200])
})

t.test('a SIGHUP while workers are replaced leaves as many workers as there were', async t => {
  const folder = t.testdir({})
  const { config } = await sizedArchives(folder, { small: 2000 })
  const served = await twoWorkers(t, ['-c', config, '--watch-interval', '0'])
  const { child } = served
  const rolls = () => count(served, /all workers were replaced/)
  child.kill('SIGHUP')
  await until(async () => (await childrenOf(child.pid as number)).length > 2)
  child.kill('SIGHUP')
  await until(() => rolls() === 2)
  await until(async () => (await childrenOf(child.pid as number)).length <= 2)
  t.equal((await answering(served)).size, 2)
  t.equal((await childrenOf(child.pid as number)).length, 2)
})

t.test('SIGTERM while workers are replaced is a stop in good order', async t => {
  const folder = t.testdir({})
  const { config } = await sizedArchives(folder, { small: 2000 })
  const served = await twoWorkers(t, ['-c', config, '--watch-interval', '0'])
  const { child } = served
  const pid = child.pid as number
  child.kill('SIGHUP')
  await until(async () => (await childrenOf(pid)).length > 2)
  const children = await childrenOf(pid)
  t.equal(await served.stop(), 0)
  t.same(await runningOf(children), [], 'no worker is left')
})
