/** `refdepot bundle`: from a server, out of the file, and what is refused. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { openTarget } from '../../src/archive/archive-target.ts'
import { createArchives } from '../../src/archive/create-archives.ts'
import { readRawConfig } from '../../src/config/raw-config.ts'
import { archive } from '../support/create-archives.ts'
import { T7 } from '../support/genome-fixtures.ts'
import { genomeFolder, USUAL } from '../support/genome-folder.ts'
import { runHere } from '../support/run-here.ts'
import { startApp } from '../support/start-app.ts'

const PANEL = { redistribute: 'no', seek_keys: { dir: '.' } }

async function origin(t: Test) {
  const panel = { files: { x: 'licensed' }, attributes: PANEL }
  const made = await genomeFolder(t, { ...USUAL, 'panel:default': panel })
  await createArchives(await openTarget(made.config), { registryPaths: [], jobs: 1 })
  const { archiveFolder } = made
  const { app, depot, listen } = await startApp(t, { config: made.config, archiveFolder })
  await depot.check()
  const server = await listen()
  const top = join(archiveFolder, '..', 'here')
  return { made, app, server, file: join(top, '..', 'refs.bundle') }
}

t.test('from a server it is what it is from the folder', async t => {
  const { made, server, file } = await origin(t)
  const create = (...args: string[]) => runHere(['bundle', 'create', 't7/fasta', ...args])
  const json = await create('--server', server, '-o', file, '--json')
  t.equal(json.code, 0, json.stderr)
  const lines = json.stdout
    .trim()
    .split('\n')
    .map(line => JSON.parse(line))
  t.match(lines, [
    { event: 'added', registryPath: 't7/fasta:default' },
    { event: 'created', file, assets: 1 },
  ])
  const other = join(made.archiveFolder, '..', 'other.bundle')
  t.match(await create('-c', made.config, '-o', other), { code: 0 })
  const [a, b] = await Promise.all(
    [file, other].map(async path => {
      const listed = await runHere(['bundle', 'list', path, '--json'])
      return JSON.parse(listed.stdout)
    }),
  )
  t.same(a, b)
  t.match(a, [{ registry_path: 't7/fasta:default', genome: T7, md5: /^[0-9a-f]{32}$/ }])
  t.match(await runHere(['bundle', 'list', file]), {
    stdout: /^ASSET +SIZE +MD5\nt7\/fasta:default +[\d.]+ KB +[0-9a-f]{32}\n$/,
  })
  t.match(JSON.parse((await runHere(['bundle', 'verify', file, '--json'])).stdout), {
    event: 'sound',
    assets: 1,
  })
  const names = await readdir(join(made.archiveFolder, '..'))
  t.notOk(names.includes('refs.bundle.parts'), 'what was fetched for it is gone')
})

t.test('what must not be passed on needs a word', async t => {
  const { made, server, file } = await origin(t)
  for (const from of [
    ['--server', server],
    ['-c', made.config],
  ]) {
    const create = (...args: string[]) =>
      runHere(['bundle', 'create', 't7', ...from, '-o', file, ...args])
    const refused = await create()
    t.match(refused, { code: 1, stderr: /panel:default must not be passed on/ })
    t.match(await create('--include-restricted'), { code: 0, stdout: /added +t7\/panel:default/ })
    const target = join(made.archiveFolder, '..', `target-${from[0]}`)
    t.match(await runHere(['bundle', 'import', file, '--archives', target]), { code: 0 })
    const { genomes } = await readRawConfig(join(target, 'genome_config.yaml'))
    const panel = genomes?.[T7]?.assets?.panel?.tags?.default
    t.match(panel, { redistribute: 'no' }, 'the word goes along')
  }
})

t.test('what is controlled stays controlled', async t => {
  const { made, file } = await origin(t)
  const policy = join(made.archiveFolder, '..', 'policy.yaml')
  await writeFile(policy, 'genomes: { t7: { assets: { fasta: { access: controlled } } } }\n')
  const create = ['bundle', 'create', 't7/fasta', 't7/bwa_index', '-c', made.config, '-o', file]
  t.match(await runHere([...create, '--policy', policy]), { code: 0 })
  const { app } = await startApp(t, { store: file, config: '', archiveFolder: '' })
  const list = await app.inject({ url: '/v3/assets/list' })
  t.same(list.json(), { [T7]: ['bwa_index'] })
})

t.test('what is damaged or missing gets into no bundle', async t => {
  const { made, server, file } = await origin(t)
  const path = archive(made)
  const bytes = await readFile(path)
  bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] as number) ^ 1
  await writeFile(path, bytes)
  for (const from of [
    ['--server', server, '--retries', '0'],
    ['-c', made.config],
  ]) {
    const create = (name: string) => runHere(['bundle', 'create', name, ...from, '-o', file])
    t.match(await create('t7/fasta'), { code: 5, stderr: /damaged|digest/ })
    t.match(await create('t7/nothing'), { code: 3, stderr: /no asset 'nothing'/ })
    t.match(await create('x/fasta'), { code: 3, stderr: /no genome 'x'/ })
  }
  await writeFile(path, '')
  const missing = await runHere(['bundle', 'create', 't7/fasta', '-c', made.config, '-o', file])
  t.match(missing, { code: 1, stderr: /its archive is missing/ })
  t.match(await runHere(['bundle', 'create', 't7/fasta', '-o', file]), { code: 2 })
  const names = await readdir(join(made.archiveFolder, '..'))
  t.notOk(names.includes('refs.bundle'), 'there is no file of that name')
})

t.test('served by a command of its own', async t => {
  const { made, app, file } = await origin(t)
  await runHere(['bundle', 'create', 't7/fasta', '-c', made.config, '-o', file])
  const child = spawn(
    process.execPath,
    [
      ...process.execArgv,
      'src/cli/main.ts',
      ...['bundle', 'serve', file, '-p', '0', '--host', '127.0.0.1'],
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  let log = ''
  for (; !/listening at (http:[^"]+)/.test(log); ) {
    const [chunk] = await once(child.stdout, 'data')
    log += chunk
  }
  const url = /listening at (http:[^"]+)/.exec(log)?.[1]
  const path = `/v3/assets/archive/${T7}/fasta`
  const answer = await fetch(url + path)
  const { rawPayload } = await app.inject({ url: path })
  t.ok(Buffer.from(await answer.arrayBuffer()).equals(rawPayload))
  child.kill('SIGTERM')
  const [code] = await once(child, 'exit')
  t.equal(code, 0)
})
