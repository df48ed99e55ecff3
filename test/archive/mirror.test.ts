/** Another server as a store: its catalogue, its archives in every form, compared before they are given away. */
import { createHash } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { openTarget } from '../../src/archive/archive-target.ts'
import { createArchives } from '../../src/archive/create-archives.ts'
import { Depot } from '../../src/archive/depot.ts'
import { INDEX_SUFFIX } from '../../src/archive/member-index.ts'
import { MIRROR_RULES } from '../../src/archive/mirror-rules.ts'
import { openPublished } from '../../src/archive/open-published.ts'
import { CURRENT_KEY } from '../../src/archive/published.ts'
import { RemoteServer } from '../../src/archive/remote-server.ts'
import { noise } from '../support/content-shapes.ts'
import { archive } from '../support/create-archives.ts'
import { T7 } from '../support/genome-fixtures.ts'
import { genomeFolder, USUAL } from '../support/genome-folder.ts'
import { startApp } from '../support/start-app.ts'

const md5 = (bytes: Buffer) => createHash('md5').update(bytes).digest('hex')

/** A server with archives of ours, and what a mirror of it is made of. */
async function origin(t: Test) {
  const made = await genomeFolder(t, {
    ...USUAL,
    'big:default': { files: { 'big.bin': noise(9_000_000) } },
  })
  await createArchives(await openTarget(made.config), { registryPaths: [], jobs: 1 })
  const started = await startApp(t, { config: made.config, archiveFolder: made.archiveFolder })
  await started.depot.check()
  const url = await started.listen()
  const cache = { folder: join(made.archiveFolder, '..', 'cache'), bytes: 100_000_000 }
  return { ...started, made, url, source: { store: url, cache } }
}

/** The app over a mirror. */
async function mirror(
  t: Test,
  source: { store: string; cache: { folder: string; bytes: number } },
) {
  return startApp(t, { ...source, config: '', archiveFolder: '' })
}

const FASTA = `${T7}.fa`
const FORMS = [
  '/v3/genomes/list',
  '/v3/genomes/alias_dict',
  '/v3/assets/list?includeSeekKeys=true',
  `/v3/assets/attrs/${T7}/fasta`,
  `/v3/assets/archive/${T7}/fasta`,
  '/v2/asset/t7/fasta/archive',
  '/v2/asset/t7/fasta',
  `/v3/assets/log/${T7}/fasta`,
  `/v3/assets/recipe/${T7}/fasta`,
  `/v3/assets/dir_contents/${T7}/fasta`,
  '/t7/assets/big/archive',
  '/t7/assets/fasta/archive?format=tar',
  `/t7/assets/fasta/files/${FASTA}`,
  `/t7/assets/fasta/files/${FASTA}.gz`,
  '/t7/assets/bwa_index/files',
]

t.test('every form of another refdepot, also after that has gone', async t => {
  const { app, source, depot } = await origin(t)
  const wanted = new Map<string, Buffer>()
  for (const url of FORMS) wanted.set(url, (await app.inject({ url })).rawPayload)
  const first = await mirror(t, source)
  await first.depot.check()
  for (const url of FORMS) {
    const answer = await first.app.inject({ url })
    t.equal(answer.statusCode, 200, url)
    t.ok(answer.rawPayload.equals(wanted.get(url) as Buffer), url)
  }
  await first.depot.close()
  await app.close()
  await depot.close()
  const second = await mirror(t, source)
  for (const url of FORMS) {
    const answer = await second.app.inject({ url })
    t.ok(answer.rawPayload.equals(wanted.get(url) as Buffer), `${url} without the origin`)
  }
})

t.test('archives of the peer, which have no index', async t => {
  const folder = t.testdir({})
  const started = await startApp(t, {})
  const store = await started.listen()
  const made = await mirror(t, { store, cache: { folder: join(folder, 'cache'), bytes: 1e8 } })
  t.same(await made.depot.check(), [])
  for (const url of [
    '/v3/genomes/list',
    '/v3/assets/list',
    `/v3/assets/archive/${T7}/fasta`,
    '/v2/asset/t7/fasta/archive',
    '/v2/asset/t7/fasta',
    `/v3/assets/log/${T7}/fasta`,
  ]) {
    const [ours, theirs] = [await made.app.inject({ url }), await started.app.inject({ url })]
    t.equal(ours.statusCode, 200, url)
    t.ok(ours.rawPayload.equals(theirs.rawPayload), url)
  }
})

t.test('what is damaged there is not given away here', async t => {
  const { made, source } = await origin(t)
  const { app, log } = await mirror(t, source)
  const path = archive(made, 'big')
  const bytes = await readFile(path)
  bytes[6_000_000] = (bytes[6_000_000] as number) ^ 1
  await writeFile(path, bytes)
  const part = (from: number) =>
    app.inject({
      url: '/t7/assets/big/archive',
      headers: { range: `bytes=${from}-${from + 999}` },
    })
  t.ok((await part(1000)).rawPayload.equals(bytes.subarray(1000, 2000)), 'another piece is right')
  const refused = await part(5_000_000)
  t.equal(refused.statusCode, 500)
  t.match(JSON.stringify(log), /bytes 4194304 to 8388608 do not match their digest at the origin/)
})

t.test('the catalogue is asked for anew from time to time', async t => {
  const { url, made, depot } = await origin(t)
  const remote = new RemoteServer(`${url}/`, 0)
  const before = await remote.identify(CURRENT_KEY)
  t.same(await remote.identify(CURRENT_KEY), before)
  await made.rewrite(() => {})
  const { readRawConfig } = await import('../../src/config/raw-config.ts')
  const config = await readRawConfig(made.serverConfig)
  const assets = config.genomes?.[T7]?.assets
  if (assets) delete assets.big
  const { formatGenomeConfig } = await import('../../src/config/write-genome-config.ts')
  await writeFile(made.serverConfig, formatGenomeConfig(config))
  await depot.reload()
  t.not((await remote.identify(CURRENT_KEY))?.inode, before?.inode)
  const patient = new RemoteServer(url)
  await patient.identify(CURRENT_KEY)
  t.ok(await patient.identify(CURRENT_KEY), 'from memory')
  t.same(await patient.list(), [])
  t.equal(await patient.open('archives/none/x.tgz'), undefined)
})

/** A server that answers as it is told. */
async function odd(
  t: Test,
  answer: (path: string, request: IncomingMessage, reply: ServerResponse) => void,
) {
  const server = createServer((request, reply) => answer(request.url ?? '', request, reply))
  await new Promise<void>(done => server.listen(0, '127.0.0.1', done))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const ARCHIVE = Buffer.from('an archive')
const KEY = `archives/${md5(ARCHIVE)}/fasta__default.tgz`
const DICT = {
  [T7]: {
    aliases: ['t7'],
    assets: {
      fasta: {
        tags: {
          default: { archive_digest: md5(ARCHIVE), archive_size: '10 B' },
          odd: { archive_digest: 'no md5', archive_size: '10 B' },
          none: null,
          bare: {},
        },
      },
      empty: null,
    },
  },
  [T7.replace(/^./, 'f')]: { assets: { x: { tags: null } } },
  [T7.replace(/^./, 'e')]: null,
}

t.test('servers that are none, or answer oddly', async t => {
  let archiveAnswer: (reply: ServerResponse, request: IncomingMessage) => void = reply =>
    reply.end(ARCHIVE)
  const url = await odd(t, (path, request, reply) => {
    if (path === '/_private_api/genomes/dict') return reply.end(JSON.stringify(DICT))
    if (path.startsWith('/v3/assets/archive/')) return archiveAnswer(reply, request)
    if (path.startsWith('/v3/assets/log/')) return void reply.writeHead(500).end()
    return void reply.writeHead(404).end('{}')
  })
  const remote = new RemoteServer(url)
  const object = await remote.open(KEY)
  t.match(object, { size: 10, inode: '' })
  t.same(await object?.bytes({ start: 0, end: 10 }), ARCHIVE)
  const rejected = (work: Promise<unknown> | undefined, message: RegExp) =>
    t.rejects(work ?? Promise.resolve(), { code: 'storage-failed', message })
  await rejected(object?.bytes({ start: 2, end: 5 }), /does not answer ranges/)
  archiveAnswer = reply => reply.writeHead(503).end()
  await rejected(object?.bytes({ start: 2, end: 5 }), /the server answers 503/)
  await rejected(remote.open(KEY), /the server answers 503/)
  await rejected(
    remote.open(KEY.replace('fasta__default.tgz', 'build_log_fasta__default.md')),
    /the server answers 500/,
  )
  archiveAnswer = reply => reply.writeHead(404).end()
  t.equal(await remote.open(KEY), undefined)
  t.equal(await remote.open(KEY + INDEX_SUFFIX), undefined)
  archiveAnswer = reply => {
    reply.write('no length')
    reply.end()
  }
  await rejected(remote.open(KEY), /the server answers 200/)
  archiveAnswer = reply => reply.destroy()
  await rejected(remote.open(KEY), /cannot read http/)
  const none = await odd(t, (_path, _request, reply) => void reply.writeHead(404).end())
  await rejected(
    new RemoteServer(none).open(CURRENT_KEY),
    /it is no refdepot and no refgenieserver/,
  )
  const empty = await odd(t, (_path, _request, reply) => void reply.end('null'))
  t.ok(await new RemoteServer(empty).open(CURRENT_KEY), 'a server without any genome')
  const page = await odd(t, (_path, _request, reply) => void reply.end('<html>: no'))
  await t.rejects(new RemoteServer(page).open(CURRENT_KEY))
  let asked = 0
  archiveAnswer = () => {
    asked += 1
  }
  const stream = object?.stream({ start: 0, end: 10 })
  stream?.resume()
  while (asked === 0) await new Promise(done => setTimeout(done, 5))
  stream?.destroy()
  await new Promise(done => setTimeout(done, 20))
})

t.test('an index is believed only for its archive', async t => {
  const { made } = await origin(t)
  const index = await readFile(archive(made) + INDEX_SUFFIX)
  const own = JSON.parse(String(index)).archive.md5
  const key = `archives/${own}/fasta__default.tgz`
  const size = JSON.parse(String(index)).archive.size
  const proof = (name: string, content: Buffer | undefined, bytes = size) =>
    MIRROR_RULES.proofOf(name, { size: bytes, modifiedMs: 0, inode: '' }, async () => content)
  t.ok((await proof(key, index)).pieces)
  for (const other of [
    undefined,
    Buffer.from('{}'),
    Buffer.from(String(index).replace(own, md5(ARCHIVE))),
  ]) {
    const { pieces, accepts } = await proof(key, other)
    t.equal(pieces, undefined)
    t.equal(await accepts({ path: '', md5: own }), true)
    t.equal(await accepts({ path: '', md5: 'x' }), false)
  }
  t.equal((await proof(key, index, 1)).pieces, undefined)
  const path = join(made.archiveFolder, 'other.json')
  const accepted = async (name: string, content: string | Buffer) => {
    await writeFile(path, content)
    return (await proof(name, undefined)).accepts({ path, md5: '' })
  }
  t.equal(await accepted(key + INDEX_SUFFIX, index), true)
  t.equal(await accepted(key + INDEX_SUFFIX, '<html>'), false)
  t.equal(await accepted(`archives/${own}/build_log_x.md`, 'x'), true)
  t.equal(await accepted('generations/000001.yaml', 'x'), true)
  t.equal(MIRROR_RULES.kindOf('capturekit/common/x'), 'passing')
  const kinds = [CURRENT_KEY, key, key + INDEX_SUFFIX].map(MIRROR_RULES.kindOf)
  t.same(kinds, ['changing', 'fixed', 'settled'])
})

t.test('places', async t => {
  await t.rejects(openPublished({ place: 'https://example.org' }), {
    code: 'setting-invalid',
    message: /--cache-folder/,
  })
  await t.rejects(
    Depot.open({ store: 'https://127.0.0.1:1', cache: { folder: t.testdir({}), bytes: 1 } }),
    {
      code: 'storage-failed',
    },
  )
})
