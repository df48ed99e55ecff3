/** Whole archive folders of other servers: complete, incremental, and never half a state. */
import { once } from 'node:events'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { openTarget } from '../../src/archive/archive-target.ts'
import { createArchives } from '../../src/archive/create-archives.ts'
import { type MirrorEvent, mirrorServer } from '../../src/client/mirror.ts'
import { readRawConfig } from '../../src/config/raw-config.ts'
import { Credentials } from '../../src/transfer/credentials.ts'
import { Network } from '../../src/transfer/network.ts'
import { noise } from '../support/content-shapes.ts'
import { controlledApp } from '../support/controlled-app.ts'
import { archive } from '../support/create-archives.ts'
import { T7 } from '../support/genome-fixtures.ts'
import { genomeFolder, USUAL } from '../support/genome-folder.ts'
import { runHere } from '../support/run-here.ts'
import { startApp } from '../support/start-app.ts'

/** A server with archives of ours. */
async function origin(t: Test, spec = USUAL) {
  const made = await genomeFolder(t, { ...spec, 'big:default': { files: { x: noise(9_000_000) } } })
  await createArchives(await openTarget(made.config), { registryPaths: [], jobs: 1 })
  const started = await startApp(t, { config: made.config, archiveFolder: made.archiveFolder })
  await started.depot.check()
  const url = await started.listen()
  return { ...started, made, url, folder: join(made.archiveFolder, '..', 'mirror') }
}

/** A run of the mirror, with what it told. */
async function mirror(url: string, folder: string, options = {}) {
  const network = new Network({ retries: 1, pauseMs: 1 })
  const events: MirrorEvent[] = []
  const onEvent = (event: MirrorEvent) => events.push(event)
  const transfer = { network, jobs: 2 }
  const summary = await mirrorServer(url, folder, { transfer, onEvent, ...options }).finally(() =>
    network.close(),
  )
  return { summary, events }
}

const serve = (t: Test, folder: string) =>
  startApp(t, { config: join(folder, 'genome_config.yaml'), archiveFolder: folder })

const DICT = '/_private_api/genomes/dict'
const fetchJson = async (app: FastifyInstance) => (await app.inject({ url: DICT })).json()

const FORMS = [
  '/_private_api/genomes/dict',
  '/v3/genomes/list',
  '/v3/genomes/alias_dict',
  '/v3/assets/list?includeSeekKeys=true',
  `/v3/assets/attrs/${T7}/fasta`,
  `/v3/assets/archive/${T7}/fasta`,
  `/v3/assets/log/${T7}/fasta`,
  `/v3/assets/recipe/${T7}/fasta`,
  `/v3/assets/dir_contents/${T7}/fasta`,
  '/v2/asset/t7/fasta/archive',
  '/v2/asset/t7/fasta',
]

t.test('a refdepot: complete, served as there, and nothing is fetched twice', async t => {
  const { app, url, folder } = await origin(t)
  const { summary } = await mirror(url, folder)
  t.match(summary, { fetched: 3, current: 0, failures: [] })
  t.ok(summary.received > 9_000_000)
  const copy = await serve(t, folder)
  t.same(await copy.depot.check(), [])
  for (const form of [
    ...FORMS,
    '/t7/assets/big/archive?format=tar',
    '/t7/assets/fasta/checksums',
  ]) {
    const [there, here] = [await app.inject({ url: form }), await copy.app.inject({ url: form })]
    t.equal(here.statusCode, 200, form)
    t.ok(here.rawPayload.equals(there.rawPayload), form)
  }
  const before = await readFile(join(folder, 'genome_config.yaml'))
  const again = await mirror(url, folder)
  t.match(again.summary, { fetched: 0, current: 3, received: 0 })
  t.ok((await readFile(join(folder, 'genome_config.yaml'))).equals(before), 'also the config stays')
  t.same(await readdir(join(folder, '.refdepot')), [])
})

t.test('archives of the peer, with those of API v2', async t => {
  const started = await startApp(t)
  const url = await started.listen()
  const folder = join(t.testdir({}), 'mirror')
  const { summary } = await mirror(url, folder)
  t.match(summary, { failures: [], current: 0 })
  t.ok(summary.fetched > 3)
  const copy = await serve(t, folder)
  t.same(await copy.depot.check(), [])
  for (const form of FORMS) {
    const [there, here] = [
      await started.app.inject({ url: form }),
      await copy.app.inject({ url: form }),
    ]
    t.equal(here.statusCode, there.statusCode, form)
    t.ok(here.rawPayload.equals(there.rawPayload), form)
  }
  const again = await mirror(url, folder)
  t.match(again.summary, { fetched: 0, current: summary.fetched, received: 0, failures: [] })
})

t.test('only what changed is fetched; what vanished stays until it is to go', async t => {
  const { made, url, folder, depot } = await origin(t)
  await mirror(url, folder)
  await writeFile(join(made.tagFolder('bwa_index'), `${T7}.fa.bwt`), noise(70_000))
  await createArchives(await openTarget(made.config), {
    registryPaths: ['t7/bwa_index'],
    jobs: 1,
    force: true,
  })
  await depot.reload()
  const changed = await mirror(url, folder)
  t.match(changed.summary, { fetched: 1, current: 2 })
  t.ok(changed.summary.received < 200_000)
  const copy = await serve(t, folder)
  t.same(await copy.depot.check(), [])
  t.match(await runHere(['archive', 'remove', '-c', made.serverConfig, 't7/big']), { code: 0 })
  await depot.reload()
  const kept = await mirror(url, folder)
  t.match(kept.summary, { vanished: 1, removed: 0, current: 2 })
  t.match(kept.events.at(-1), { event: 'vanished', registryPath: 't7/big:default' })
  await copy.depot.reload()
  t.equal((await copy.app.inject({ url: '/t7/assets/big/archive' })).statusCode, 200)
  t.match((await mirror(url, folder, { deletes: true })).summary, { vanished: 0, removed: 1 })
  await copy.depot.reload()
  t.equal((await copy.app.inject({ url: '/t7/assets/big/archive' })).statusCode, 404)
  const names = await readdir(join(folder, T7))
  t.same(
    names.filter(name => name.includes('big')),
    [],
  )
  await writeFile(made.serverConfig, 'config_version: 0.4\ngenomes: {}\n')
  await writeFile(made.config, 'config_version: 0.4\ngenomes: {}\n')
  await depot.reload()
  await t.rejects(mirror(url, folder, { deletes: true }), { code: 'pull-refused' })
})

t.test('what must not be passed on stays there; what is marked here stays marked', async t => {
  const { url, folder } = await origin(t, {
    ...USUAL,
    'panel:default': {
      files: { x: 'licensed' },
      attributes: { redistribute: 'no', licence: 'LicenseRef-x', seek_keys: { dir: '.' } },
    },
  })
  const first = await mirror(url, folder)
  t.match(first.summary, { restricted: 1, fetched: 3 })
  t.ok(first.events.some(it => it.event === 'restricted' && it.registryPath === 't7/panel:default'))
  t.match((await mirror(url, folder, { includeRestricted: true })).summary, { fetched: 1 })
  const config = join(folder, 'genome_config.yaml')
  const tagIn = async (asset: string) =>
    (await readRawConfig(config)).genomes?.[T7]?.assets?.[asset]?.tags?.default
  t.match(await tagIn('panel'), { redistribute: 'no', licence: 'LicenseRef-x' })
  const text = await readFile(config, 'utf8')
  await writeFile(config, text.replace(/^( +)asset_path: fasta$/m, '$1access: controlled\n$&'))
  await mirror(url, folder, { includeRestricted: true })
  t.match(await tagIn('fasta'), { access: 'controlled' })
})

t.test('some failed: the others are there, and the next run has only these to do', async t => {
  const { made, url, folder, app } = await origin(t)
  const path = archive(made, 'big')
  const bytes = await readFile(path)
  const damaged = Buffer.from(bytes)
  damaged[6_000_000] = (damaged[6_000_000] as number) ^ 1
  await writeFile(path, damaged)
  const { summary, events } = await mirror(url, folder)
  t.match(summary, { fetched: 2, failures: [{ code: 'digest-mismatch' }] })
  t.match(
    events.find(it => it.event === 'failed'),
    { registryPath: 't7/big:default' },
  )
  const copy = await serve(t, folder)
  t.equal((await copy.app.inject({ url: '/t7/assets/fasta/archive' })).statusCode, 200)
  t.equal((await copy.app.inject({ url: '/t7/assets/big/archive' })).statusCode, 404)
  await writeFile(path, bytes)
  const again = await mirror(url, folder)
  t.match(again.summary, { fetched: 1, current: 2, failures: [] })
  t.ok(again.summary.received < 6_000_000, 'the part that was right is not fetched again')
  await copy.depot.reload()
  const form = '/t7/assets/big/archive'
  const [there, here] = [await app.inject({ url: form }), await copy.app.inject({ url: form })]
  t.ok(here.rawPayload.equals(there.rawPayload))
})

t.test('the command, its scope and its exit codes', async t => {
  const { made, url, folder } = await origin(t)
  const run = (...args: string[]) =>
    runHere(['mirror', '--from', url, '-o', folder, '--retries', '0', ...args])
  t.match(await run('--genome', 'nothing'), { code: 3, stderr: /there is no genome 'nothing'/ })
  t.match(await run('--asset', 'fasta'), {
    code: 0,
    stdout:
      /^fetched +t7\/fasta:default \([\d.]+ KB\)\n1 fetched \([\d.]+ KB\), 0 there already\n$/,
  })
  await writeFile(archive(made, 'big'), 'short')
  t.match(await run('--asset', 'big'), { code: 5, stderr: /^failed +t7\/big:default: / })
  t.match(await run(), { code: 6, stdout: /1 fetched .*, 1 there already, 1 failed\n$/ })
  const lines = (await run('--json', '--genome', 't7')).stdout.trim().split('\n')
  t.match(JSON.parse(lines.at(-1) as string), { event: 'summary', current: 2, failed: 1 })
  t.match(await run('--asset', 'fasta', '--quiet'), { code: 0, stdout: '' })
  t.match(await runHere(['mirror', '--from', 'x', '-o', folder]), { code: 2 })
  const nobody = await runHere([
    'mirror',
    '--from',
    'http://127.0.0.1:1',
    '-o',
    folder,
    '--retries',
    '0',
  ])
  t.match(nobody, { code: 1, stderr: /nothing answers there/ })
})

t.test('a hostile server writes nowhere else', async t => {
  const tag = {
    asset_path: 'x',
    archive_digest: 'a'.repeat(32),
    archive_size: '1 KB',
    seek_keys: {},
  }
  const genome = (aliases: string[], asset: string) => ({
    aliases,
    assets: { [asset]: { default_tag: 'default', tags: { default: tag } } },
  })
  const other = 'f'.repeat(48)
  const names = {
    [T7]: genome(['t7'], 'fasta'),
    [other]: genome([T7], 'fasta'),
    ['e'.repeat(48)]: genome(['fine'], 'fasta.fai'),
    ['d'.repeat(48)]: genome(['.refdepot'], 'fasta'),
    // Sound, but nothing is there.
    ['c'.repeat(48)]: genome([], 'plain'),
  }
  const paths = { ...names, '../up': genome(['../../escape'], '../../asset') }
  let dict: object = paths
  const server = createServer((request, reply) => {
    const isDict = request.url === DICT
    reply.writeHead(isDict ? 200 : 404, { 'content-type': 'application/json' })
    reply.end(isDict ? JSON.stringify(dict) : '{}')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const top = t.testdir({})
  const folder = join(top, 'a', 'b', 'mirror')
  await t.rejects(mirror(url, folder), { code: 'config-invalid' })
  dict = names
  const { summary } = await mirror(url, folder)
  t.match(
    summary.failures.map(({ message }) => message),
    [
      /alias "\.refdepot" is no name/,
      /fasta\.fai:default" is no registry path/,
      /alias 6c5f.* is the digest of another genome/,
      /answers 404/,
      /answers 404/,
    ],
  )
  const files = await readdir(top, { recursive: true, withFileTypes: true })
  t.same(
    files.filter(it => it.isFile()).map(it => it.name),
    ['genome_config.yaml'],
  )
})

t.test('what needs a token there is controlled here', async t => {
  const { listen, callers, folder: there } = await controlledApp(t)
  const url = await listen()
  const folder = join(there.archiveFolder, '..', 'mirror')
  const open = await mirror(url, folder)
  t.equal(open.summary.failures.length, 0)
  const network = new Network({
    retries: 1,
    credentials: new Credentials({ [url]: callers.right as string }),
  })
  const all = await mirror(url, folder, { transfer: { network } })
  await network.close()
  t.ok(all.summary.fetched > 0, 'the token shows more')
  const copy = await serve(t, folder)
  const [mine, theirs] = [await fetchJson(copy.app), await (await fetch(`${url}${DICT}`)).json()]
  t.same(mine, theirs, 'without a token the mirror shows what the origin shows')
})

t.test('what is no server of assets is told so', async t => {
  const answers: [number, string][] = [
    [404, '{}'],
    [200, '<html>'],
    [403, '{"detail": "not for you"}'],
  ]
  const server = createServer((_request, reply) => {
    const [status, text] = answers[0] as [number, string]
    reply.writeHead(status)
    reply.end(text)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const folder = join(t.testdir({}), 'mirror')
  await t.rejects(mirror(url, folder), { message: /is no refdepot and no refgenieserver/ })
  answers.shift()
  await t.rejects(mirror(url, folder), { code: 'config-invalid' })
  answers.shift()
  await t.rejects(mirror(url, folder), { code: 'forbidden' })
})
