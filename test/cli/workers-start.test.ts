/** How several workers start: a start that fails, a shared socket, a worker that has to be started anew. */
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { get, type IncomingMessage } from 'node:http'
import { createServer } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { replaceFile } from '../../src/storage/replace-file.ts'
import { sizedArchives } from '../support/counting-app.ts'
import { EXAMPLE } from '../support/example-folder.ts'
import { runCli, serveCli } from '../support/run-cli.ts'
import { socketPath } from '../support/socket-path.ts'
import { answering, count, twoWorkers, until } from '../support/two-workers.ts'
import { childrenOf, ended } from '../support/worker-requests.ts'

const CONFIG = `${EXAMPLE}/genome_config.yaml`

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
  const path = await socketPath(t)
  const args = ['--workers', '2', '-c', CONFIG, '--archive-folder', EXAMPLE]
  const served = await serveCli(t, [...args, '--socket', path, '--state-folder', folder])
  const workers = () => new Set(served.log.map(({ url, worker }) => url === '/healthz' && worker))
  await until(async () => {
    const sent = get({ socketPath: path, path: '/healthz', agent: false })
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
  await replaceFile(config, 'genomes: [')
  process.kill(victim as number, 'SIGKILL')
  await until(() => count(served, /a worker cannot be started; it is tried again/) > 1)
  t.equal((await answering(served)).size, 1, 'the other one goes on')
  t.notOk(child.exitCode, 'the server goes on')
  await replaceFile(config, text)
  await until(async () => (await answering(served)).size === 2)

  const exited = once(child, 'exit')
  await replaceFile(config, 'genomes: [')
  const workers = await childrenOf(child.pid as number)
  t.equal(workers.length, 2)
  for (const worker of workers) process.kill(worker, 'SIGKILL')
  t.same(await exited, [1, null], 'nobody would answer')
  t.same(await childrenOf(child.pid as number), [])
})
