import { once } from 'node:events'
import { mkdir, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import t from 'tap'
import { replaceFile } from '../../src/storage/replace-file.ts'
import { getText, sizedArchives } from '../support/counting-app.ts'
import { EXAMPLE, exampleCopy, T7_FASTA } from '../support/example-folder.ts'
import { T7 } from '../support/genome-fixtures.ts'
import { runCli, serveCli } from '../support/run-cli.ts'
import { socketPath } from '../support/socket-path.ts'

const CONFIG = `${EXAMPLE}/genome_config.yaml`

t.test('version and help are complete', async t => {
  const { version } = JSON.parse(await readFile('package.json', 'utf8'))
  t.match(await runCli(['--version']), { code: 0, stdout: `${version}\n` })
  t.match(await runCli(['--help']), { code: 0, stdout: /serve.*Exit codes: 0 ok/s })
  const help = await runCli(['serve', '--help'])
  t.equal(help.code, 0)
  for (const flag of [
    '--config',
    '--check',
    '--deep',
    '--port',
    '--host',
    '--archive-folder',
    '--public-url',
    '--watch-interval',
  ]) {
    t.ok(help.stdout.includes(flag), flag)
  }
})

t.test('wrong usage ends in 2, a config that is not there in 3, a broken one in 1', async t => {
  const folder = t.testdir({ 'broken.yaml': 'genomes: [' })
  for (const [args, code, message] of [
    [['frobnicate'], 2, /unknown command/],
    [['serve', '--nope'], 2, /unknown option/],
    [['serve'], 2, /genome config with -c FILE or in \$REFGENIE/],
    [['serve', '-c', CONFIG, '-p', 'x'], 2, /--port: 'x' is not allowed/],
    [['serve', '-c', join(folder, 'none.yaml')], 3, /no such file/],
    [['serve', '-c', join(folder, 'broken.yaml')], 1, /broken\.yaml:\d+: is not YAML/],
  ] as const) {
    const run = await runCli(args)
    t.equal(run.code, code, args.join(' '))
    t.match(run.stderr, message)
    t.notMatch(run.stderr, /\n\s+at /, 'no stack')
  }
})

t.test('a port that cannot be had is told with what to do', async t => {
  const taken = createServer().listen(0, '127.0.0.1')
  await new Promise(done => taken.once('listening', done))
  t.teardown(() => taken.close())
  const { port } = taken.address() as { port: number }
  const run = await runCli([
    'serve',
    '-c',
    CONFIG,
    '--archive-folder',
    EXAMPLE,
    '--host',
    '127.0.0.1',
    '-p',
    String(port),
  ])
  t.match(run, { code: 1, stderr: /port \d+ is in use; give another one with -p/ })
})

t.test('the check says what is listed, what is not, and what is wrong', async t => {
  const { folder, config } = await exampleCopy(t)
  const check = (...more: string[]) =>
    runCli(['serve', '-c', config, '--archive-folder', folder, '--check', ...more])
  t.match(await check('--deep'), { code: 0, stdout: /archives\s+7\n.*the folder is sound/s })
  const text = await readFile(config, 'utf8')
  await writeFile(
    config,
    text.replace('- t7\n', '- docs\n').replace(/ {12}archive_size: 229.68 KB\n/, ''),
  )
  t.match(await check(), {
    stdout: /not listed .*bowtie2_index:default has no archive_size.*reserved name\s+docs/s,
  })
  await writeFile(config, text)
  await truncate(join(folder, T7_FASTA), 0)
  t.match(await check(), { code: 1, stdout: /empty .*fasta:default .*1 archives are not sound/s })
  await writeFile(join(folder, T7_FASTA), 'other bytes')
  t.match(await check(), { code: 0 })
  t.match(await check('--deep'), { code: 5, stdout: /damaged .*its md5 is/s })
})

t.test('a server starts from the environment, answers, reloads and stops', async t => {
  const { folder, config } = await exampleCopy(t)
  const served = await serveCli(t, ['--watch-interval', '0.05'], {
    REFGENIE: config,
    REFGENIE_GENOME_ARCHIVE_FOLDER: folder,
  })
  const genomes = async () =>
    ((await (await fetch(`${served.url}/v3/genomes/list`)).json()) as string[]).length
  t.equal(await genomes(), 2)
  const text = await readFile(config, 'utf8')
  await replaceFile(config, 'genomes: [')
  await served.logged(/the changed config is broken; the old catalogue stays/)
  t.equal(await genomes(), 2)
  t.match(await (await fetch(`${served.url}/readyz`)).json(), {
    catalogue: { reload_failed: true },
  })
  await replaceFile(config, `${text.slice(0, text.indexOf('  bcb56'))}\n`)
  while ((await genomes()) !== 1) await wait(20)
  await replaceFile(config, 'genomes: {}\n')
  await served.logged(/nothing archived yet: run/)
  await replaceFile(config, text.replace('- t7\n', '- docs\n'))
  served.child.kill('SIGHUP')
  await served.logged(/genome 'docs' has a reserved name/)
  t.equal(await served.stop(), 0)
})

t.test('what a server has read of its config, the next one starts from', async t => {
  const { folder, config } = await exampleCopy(t)
  const state = join(folder, 'state')
  const args = ['-c', config, '--archive-folder', folder, '--state-folder', state]
  const snapshots = async () =>
    (await readdir(state).catch(() => [])).filter(name => name.endsWith('.snapshot'))
  const start = async (...more: string[]) => {
    const served = await serveCli(t, [...args, ...more])
    const genomes = await (await fetch(`${served.url}/v3/genomes/list`)).json()
    const state = async () => {
      const ready = (await (await fetch(`${served.url}/readyz`)).json()) as {
        check: { state: string }
      }
      return ready.check.state
    }
    while ((await state()) !== 'done') await wait(20)
    return { ...served, genomes }
  }
  const silent = await start('--snapshot', 'false')
  t.same(await snapshots(), [])
  await silent.stop()
  const first = await start()
  const [name = ''] = await snapshots()
  t.match(name, /^config-[0-9a-f]{16}\.snapshot$/)
  await first.stop()
  const kept = await stat(join(state, name))
  const second = await start()
  t.same(second.genomes, first.genomes)
  t.equal((await stat(join(state, name))).ino, kept.ino, 'taken, not written anew')
  await second.stop()
  await truncate(join(state, name), kept.size - 1)
  const third = await start()
  t.same(third.genomes, first.genomes)
  await third.logged(/the snapshot .* is damaged; the config was read anew/)
  t.equal((await stat(join(state, name))).size, kept.size, 'and it is whole again')
  t.equal(await third.stop(), 0)
})

t.test('an archive that is replaced while the server runs is hashed anew', async t => {
  const { folder, config } = await exampleCopy(t)
  const served = await serveCli(t, ['-c', config, '--archive-folder', folder])
  const checking = async () => {
    const ready = await (await fetch(`${served.url}/readyz`)).json()
    return (ready as { check: { state: string } }).check.state !== 'done'
  }
  // Only after the first check a replaced file is one that was known before.
  while (await checking()) await wait(50)
  const archive = `${served.url}/v3/assets/archive/${T7}/fasta`
  t.equal((await fetch(archive)).status, 200)
  await replaceFile(join(folder, T7_FASTA), 'replaced')
  while ((await fetch(archive)).status !== 503) await wait(50)
  t.match(await served.logged(/an archive is damaged/), { problem: 'damaged', file: T7_FASTA })
})

t.test('a damaged archive is named in the log', async t => {
  const { folder, config } = await exampleCopy(t)
  await rm(join(folder, T7_FASTA))
  // A folder in the place of the record refuses to be written, for root too.
  await mkdir(join(folder, `${T7}/fasta__v2.tgz.digests.json`))
  const served = await serveCli(t, [
    '-c',
    config,
    '--archive-folder',
    folder,
    '--watch-interval',
    '0',
  ])
  t.match(await served.logged(/an archive is damaged/), {
    registryPath: `${T7}/fasta:default`,
    problem: 'missing',
  })
  await served.logged(/computed digests cannot be kept; give a writable folder with --state-folder/)
})

t.test('a unix socket is listened on, a bad one is told', async t => {
  const folder = t.testdir({})
  const path = await socketPath(t)
  const served = await serveCli(t, [
    '-c',
    CONFIG,
    '--archive-folder',
    EXAMPLE,
    '--socket',
    path,
    '--state-folder',
    join(folder, 'state'),
    '--public-url',
    'https://refs.example.org',
    '--dbg',
  ])
  t.match(served.url, /s$/)
  const status = await new Promise(done => {
    request({ socketPath: path, path: '/healthz' }, response => {
      response.resume()
      done(response.statusCode)
    }).end()
  })
  t.equal(status, 200)
  await served.stop()
  const run = await runCli([
    'serve',
    '-c',
    CONFIG,
    '--archive-folder',
    EXAMPLE,
    '--socket',
    join(folder, 'no/s'),
  ])
  t.match(run, { code: 1 })
})

t.test('a client that reads nothing holds up a stop for as long as others may read', async t => {
  const { config } = await sizedArchives(t.testdir({}), { large: 1_500_000 })
  const path = await socketPath(t)
  const served = await serveCli(t, ['-c', config, '--socket', path])
  const client = connect(path)
  client.write(getText('/t7/assets/large/archive'))
  await once(client, 'data')
  client.pause()
  t.teardown(() => client.destroy())
  t.equal(await served.stop(), 1, 'cut, and told')
})

t.test("the peer's name and port go on working", async t => {
  const folder = t.testdir({ 'c.yaml': 'refdepot:\n  port: "70000"\n' })
  const config = join(folder, 'c.yaml')
  const run = await runCli(['serve', '-c', config], {}, 'src/cli/refgenieserver.ts')
  t.match(run, { code: 2, stderr: /refgenieserver: port in the config: '70000' is not allowed/ })
  t.match(await runCli(['serve', '--help'], {}, 'src/cli/refgenieserver.ts'), {
    stdout: /default:\s+80\)/,
  })
})
