import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { Agent, get, type IncomingMessage } from 'node:http'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { numbersOf, settledNumbers, sizedArchives } from '../support/counting-app.ts'
import { EXAMPLE, exampleCopy, T7_FASTA } from '../support/example-folder.ts'
import { T7 } from '../support/genome-fixtures.ts'
import { runCli, type Served, serveCli } from '../support/run-cli.ts'
import { runHere } from '../support/run-here.ts'
import { ask, askAll, begun, childrenOf, ended, md5Of } from '../support/worker-requests.ts'

const MB = 1024 * 1024
const CONFIG = `${EXAMPLE}/genome_config.yaml`
// Larger than what the sockets of both ends hold.
const BIG = 48 * MB
const LIST = '/v3/genomes/list'

/** A server of two workers that both listen. */
async function twoWorkers(t: Test, args: readonly string[], env = {}): Promise<Served> {
  const served = await serveCli(t, ['--workers', '2', ...args], env)
  await until(async () => (await answering(served)).size === 2)
  return served
}

/** Numbers of the workers that answer at this moment. */
async function answering(served: Served): Promise<Set<unknown>> {
  const path = `/healthz?${Math.random()}`
  for (let i = 0; i < 6; i += 1) await ask(served.url + path)
  const lines = () => served.log.filter(({ url }) => url === path)
  await until(() => lines().length === 6)
  return new Set(lines().map(({ worker }) => worker))
}

// One look at who answers may miss one who still does.
const ROUNDS = 5

async function until(fulfilled: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await fulfilled())) await wait(20)
}

const count = ({ log }: Served, pattern: RegExp) =>
  log.filter(({ msg }) => pattern.test(String(msg))).length

const statuses = (answers: readonly { status: number }[]) =>
  [...new Set(answers.map(({ status }) => status))].sort()

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
  await writeFile(config, 'genomes: [')
  await served.logged(/the changed config is broken; the old catalogue stays/)
  await until(async () => (await ready()).every(({ catalogue }) => catalogue.reload_failed))
  t.same(await genomes(), Array(6).fill(2), 'nobody serves what is broken')
  t.equal(count(served, /the changed config is broken/), 1)

  await writeFile(config, `${text.slice(0, text.indexOf('  bcb56'))}\n`)
  await until(async () => (await genomes()).every(number => number === 1))
  t.ok((await ready()).every(({ catalogue }) => !catalogue.reload_failed))
  t.equal(count(served, /catalogue loaded/), 2)

  await until(async () => (await ready()).every(({ check }) => check.state === 'done'))
  await writeFile(join(folder, T7_FASTA), 'replaced')
  const archive = `${url}/v3/assets/archive/${T7}/fasta`
  await until(async () => (await askAll(archive)).every(({ status }) => status === 503))
  t.ok((await ready()).every(({ damaged }) => damaged.length === 1))
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

  await writeFile(config, 'genomes: [')
  child.kill('SIGHUP')
  await served.logged(/workers cannot be replaced; the old ones stay/)
  t.same(
    [...(await answering(served))].sort(),
    [...after].sort(),
    'a broken config replaces nobody',
  )
  t.same(statuses(await askAll(url + LIST)), [200])
})

t.test('two SIGHUPs at once leave as many workers as there were', async t => {
  const folder = t.testdir({})
  const { config } = await sizedArchives(folder, { small: 2000 })
  const served = await twoWorkers(t, ['-c', config, '--watch-interval', '0'])
  const { child } = served
  const rolls = () => count(served, /all workers were replaced/)
  child.kill('SIGHUP')
  await served.logged(/catalogue loaded/)
  await wait(20)
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
  const isAlive = (child: number) => {
    try {
      return process.kill(child, 0)
    } catch {
      return false
    }
  }
  t.same(children.filter(isAlive), [], 'no worker is left')
})

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
  const alive = (pid: number) => {
    try {
      return process.kill(pid, 0)
    } catch {
      return false
    }
  }
  await until(() => !workers.some(alive))
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

t.test('a start that fails is told once, with the exit code of one process', async t => {
  const taken = createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  t.teardown(() => taken.close())
  const { port } = taken.address() as { port: number }
  const folder = t.testdir({ 'broken.yaml': 'genomes: [', 'policy.yaml': 'rules: 1' })
  const two = ['serve', '--workers', '2', '--archive-folder', EXAMPLE]
  const at = ['--host', '127.0.0.1', '-p', String(port)]
  for (const [args, code, message] of [
    [[...two, '-c', CONFIG, ...at], 1, /port \d+ is in use; give another one with -p/],
    [[...two, '-c', CONFIG, '--policy', join(folder, 'none.yaml')], 3, /none\.yaml/],
    [[...two, '-c', join(folder, 'broken.yaml')], 1, /broken\.yaml:\d+: is not YAML/],
    [['serve', '-c', CONFIG, '--workers', '0'], 2, /--workers: '0' is not allowed/],
    [
      ['serve', '--store', folder, '--cache-folder', folder, '--workers', '2'],
      2,
      /--workers: '2' is not allowed.*1 with --cache-folder/,
    ],
  ] as const) {
    const run = await runCli(args)
    t.match(run, { code, stderr: message }, args.join(' '))
    t.equal(run.stderr.trim().split('\n').length, 1)
    t.equal(run.stdout, '', 'no line of a server that has begun')
  }
})

t.test('a unix socket is shared', async t => {
  const folder = t.testdir({})
  const socketPath = join(folder, 's')
  const args = ['--workers', '2', '-c', CONFIG, '--archive-folder', EXAMPLE]
  const served = await serveCli(t, [...args, '--socket', socketPath, '--state-folder', folder])
  const workers = () => new Set(served.log.map(({ url, worker }) => url === '/healthz' && worker))
  await until(async () => {
    const sent = get({ socketPath, path: '/healthz', agent: false })
    const [response] = (await once(sent, 'response')) as [IncomingMessage]
    t.equal((await ended(response)).status, 200)
    return workers().has(1) && workers().has(2)
  })
  t.equal(await served.stop(), 0)
})

t.test('a worker that cannot be started is tried again; a server without any ends', async t => {
  const folder = t.testdir({})
  const { config } = await sizedArchives(folder, { small: 2000 })
  const served = await twoWorkers(t, ['-c', config, '--watch-interval', '0'])
  const { child } = served
  const text = await readFile(config, 'utf8')
  const [victim] = await childrenOf(child.pid as number)
  await writeFile(config, 'genomes: [')
  process.kill(victim as number, 'SIGKILL')
  await until(() => count(served, /a worker cannot be started; it is tried again/) > 1)
  t.equal((await answering(served)).size, 1, 'the other one goes on')
  t.notOk(child.exitCode, 'the server goes on')
  await writeFile(config, text)
  await until(async () => (await answering(served)).size === 2)

  const exited = once(child, 'exit')
  await writeFile(config, 'genomes: [')
  const workers = await childrenOf(child.pid as number)
  t.equal(workers.length, 2)
  for (const worker of workers) process.kill(worker, 'SIGKILL')
  t.same(await exited, [1, null], 'nobody would answer')
  t.same(await childrenOf(child.pid as number), [])
})
