/** Servers that are wrong in ways of their own, or mean it ill: findings, never a crash. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { gzipSync } from 'node:zlib'
import t, { type Test } from 'tap'
import { type ExaminationOrder, examine } from '../../../src/client/doctor/examine.ts'
import type { Finding } from '../../../src/client/doctor/finding.ts'
import { Credentials } from '../../../src/transfer/credentials.ts'
import { Network } from '../../../src/transfer/network.ts'
import { crookedServer } from '../../support/crooked-server.ts'
import { fastaFiles } from '../../support/fasta-files.ts'

const FILES: Record<string, Buffer> = {
  ...fastaFiles(200_000),
  '/a.tgz': gzipSync(Buffer.alloc(50_000, 'refdepot')),
}
type Answer = (request: IncomingMessage, reply: ServerResponse) => void

async function found(t: Test, url: string, more: Partial<ExaminationOrder> = {}) {
  const network = new Network()
  t.teardown(() => network.close())
  const order = { credentials: false, caFiles: [], env: {}, origin: 'https://igv.org' }
  const { findings } = await examine({ url, network, ...order, ...more })
  return new Map(findings.map(finding => [finding.check, finding]))
}

const fails = (findings: Map<string, Finding>) =>
  [...findings.values()].filter(({ level }) => level === 'fail').map(({ check }) => check)

/** Answers with a text. */
const text =
  (content: string | Buffer, status = 200, headers = {}): Answer =>
  (_, reply) => {
    reply.writeHead(status, { 'content-length': Buffer.byteLength(content), ...headers })
    reply.end(content)
  }

/** Answers to a range with a part that is not the one asked for. */
const part =
  (range: string, body: string): Answer =>
  ({ headers }, reply) => {
    if (headers.range === undefined) text('0123456789'.repeat(100))({} as never, reply)
    else text(body, 206, { 'content-range': range })({} as never, reply)
  }

/** A server that has the API of refgenieserver, with one answer changed. */
async function genomeServer(t: Test, changed: Readonly<Record<string, Answer>> = {}) {
  const get = (operationId: string) => ({ get: { operationId } })
  const paths = {
    '/v3/assets/list': get('v3custom_Id_assets'),
    '/v3/genomes/alias_dict': get('v3custom_Id_aliases_dict'),
    '/v3/genomes/genome_digest/{alias}': get('v3custom_Id_alias_digest'),
    '/v3/assets/default_tag/{genome}/{asset}': get('v3custom_Id_default_tag'),
    '/v3/assets/attrs/{genome}/{asset}': get('v3custom_Id_asset_attrs'),
    '/v3/genomes/attrs/{genome}': get('v3custom_Id_genome_attrs'),
    '/v3/assets/archive/{genome}/{asset}': get('v3custom_Id_archive'),
    '@elsewhere.org/x': get('v3custom_Id_asset_path'),
  }
  const archive = FILES['/a.tgz'] ?? Buffer.alloc(0)
  return crookedServer(t, FILES, {
    answers: {
      '/openapi.json': text(JSON.stringify({ info: { version: '0.8.0' }, paths })),
      '/v3/assets/list': text('{"abc":["fasta"]}'),
      '/v3/genomes/alias_dict': text('{"abc":["t7"]}'),
      '/v3/genomes/genome_digest/t7': text('abc'),
      '/v3/assets/default_tag/abc/fasta': text('1.10'),
      '/v3/assets/attrs/abc/fasta': text('{}'),
      '/v3/genomes/attrs/abc': text('{}'),
      '/v3/assets/archive/abc/fasta': text(archive),
      ...changed,
    },
  })
}

t.test('parts that are not those asked for', async t => {
  const wrong: readonly [Answer, RegExp][] = [
    [part('bytes 0-9/1000', '0123456789'), /Content-Range is bytes 0-9\/1000, not bytes 100-199/],
    [part('bytes 100-199/1000', 'short'), /5 bytes instead of 100/],
    [part('bytes 100-199/1000', '9'.repeat(100)), /not those of the whole file/],
    [
      ({ headers }, reply) => text('x'.repeat(500), headers.range ? 503 : 200)({} as never, reply),
      /answers 503 instead of 206/,
    ],
  ]
  for (const [answer, evidence] of wrong) {
    const { url } = await crookedServer(t, {}, { answers: { '/y.txt': answer } })
    const range = (await found(t, `${url}/y.txt`)).get('range')
    t.match(range, { level: 'fail', evidence })
  }
  const { url } = await crookedServer(t, {
    '/empty.txt': Buffer.alloc(0),
    '/one.txt': Buffer.from('1'),
  })
  t.match((await found(t, `${url}/empty.txt`)).get('range'), { level: 'fail' })
  t.match((await found(t, `${url}/one.txt`)).get('range'), { level: 'ok' })
})

t.test('files that are not what their name says', async t => {
  const { url } = await crookedServer(t, {
    '/a.tgz': Buffer.from('plain text'),
    '/a.zip': Buffer.from('PK zip'),
    '/x.fa': Buffer.from('ACGT'),
    '/x.fa.fai': FILES['/x.fa.fai'] ?? Buffer.alloc(0),
    '/y.fa.gz': gzipSync('>y'),
    '/y.fa.gz.fai': FILES['/x.fa.fai'] ?? Buffer.alloc(0),
    '/y.fa.gz.gzi': Buffer.from('nothing'),
    '/z.fa': FILES['/x.fa'] ?? Buffer.alloc(0),
    '/z.fa.fai': Buffer.from('no index'),
  })
  t.match((await found(t, `${url}/a.tgz`)).get('download'), {
    level: 'fail',
    evidence: /706c6169, not gzip/,
  })
  t.match((await found(t, `${url}/a.zip`)).get('download'), { level: 'ok' })
  t.match((await found(t, `${url}/none.txt`)).get('download'), { level: 'fail', evidence: /404/ })
  t.match((await found(t, `${url}/x.fa`, { as: 'htslib' })).get('open'), {
    level: 'fail',
    evidence: /no FASTA/,
  })
  t.match((await found(t, `${url}/y.fa.gz`, { as: 'htslib' })).get('open'), {
    evidence: /no block gzip/,
  })
  t.match((await found(t, `${url}/y.fa.gz`, { as: 'igv' })).get('gzi'), { level: 'fail' })
  t.match((await found(t, `${url}/y.fa.gz`, { as: 'jbrowse' })).get('sequence'), undefined)
  for (const as of ['igv', 'jbrowse', 'htslib'] as const) {
    t.match((await found(t, `${url}/z.fa`, { as })).get('index'), { level: 'fail' }, as)
  }
})

t.test('HEAD that tells another length, and an answer that breaks off', async t => {
  const broken: Answer = (_, reply) => {
    reply.writeHead(200, { 'content-length': 1000 })
    reply.write('begin')
    setTimeout(() => reply.destroy(), 20)
  }
  const head: Answer = ({ method }, reply) =>
    text('x'.repeat(method === 'HEAD' ? 5 : 100))({} as never, reply)
  const { url } = await crookedServer(t, {}, { answers: { '/b.txt': broken, '/h.txt': head } })
  t.match((await found(t, `${url}/b.txt`)).get('server'), { level: 'fail' })
  t.match((await found(t, `${url}/h.txt`)).get('head'), {
    level: 'fail',
    evidence: /another content-length/,
  })
})

t.test('redirects that go round, or lead to nothing', async t => {
  const round: Answer = (_, reply) => reply.writeHead(302, { location: '/r.txt' }).end()
  const first: Answer = ({ headers }, reply) => {
    // Only what is no probe of the way.
    if (headers.origin === undefined) text('0123456789')({} as never, reply)
    else round({} as never, reply)
  }
  const { url } = await crookedServer(t, {}, { answers: { '/r.txt': first } })
  const findings = await found(t, `${url}/r.txt`)
  t.match(findings.get('redirect'), { level: 'fail', evidence: /goes round/ })
  t.equal(findings.has('download'), false)
  const away = await crookedServer(t, {}, { redirect: { from: '/r', to: '/nothing' } })
  t.match((await found(t, `${away.url}/r/x.txt`)).get('redirect'), {
    level: 'fail',
    evidence: /404/,
  })
})

t.test('a server with the API, and what the stock client cannot use', async t => {
  const right = await genomeServer(t)
  const findings = await found(t, right.url, { as: 'refgenie' })
  t.same(fails(findings), [])
  t.ok(right.arrived.some(({ path }) => path === '/v3/assets/archive/abc/fasta?tag=1.10'))
  const streamed: Answer = (_, reply) =>
    reply.writeHead(200, { 'transfer-encoding': 'chunked' }).end(FILES['/a.tgz'])
  const packed = { 'content-encoding': 'gzip' }
  const routes = text(
    JSON.stringify({ paths: { '/x': { get: { operationId: 'v3custom_Id_assets' } } } }),
  )
  const changes: readonly [string, Answer, string, RegExp][] = [
    ['/v3/assets/archive/abc/fasta', text('plain'), 'archive-size', /begins with 706c, not gzip/],
    [
      '/v3/assets/archive/abc/fasta',
      text('x', 200, packed),
      'archive-size',
      /Content-Encoding: gzip/,
    ],
    ['/v3/assets/archive/abc/fasta', streamed, 'archive-size', /no Content-Length/],
    ['/v3/assets/archive/abc/fasta', text('no', 403), 'archive-size', /answers 403/],
    ['/v3/genomes/genome_digest/t7', text('<!doctype html>'), 'alias-digest', /with a page/],
    ['/v3/assets/default_tag/abc/fasta', text('', 404), 'default-tag', /answers 404/],
    ['/v3/assets/attrs/abc/fasta', text('', 500), 'asset-attrs', /answers 500/],
    ['/v3/genomes/attrs/abc', (_, reply) => reply.destroy(), 'genome-attrs', /broke off/],
    ['/openapi.json', routes, 'asset', /no asset to pull/],
  ]
  for (const [path, answer, check, evidence] of changes) {
    const { url } = await genomeServer(t, { [path]: answer })
    t.match((await found(t, url, { as: 'refgenie' })).get(check), { level: 'fail', evidence }, path)
  }
})

t.test('documents that the client may get compressed', async t => {
  const { gzipSync: gzip, deflateSync } = await import('node:zlib')
  const { url: plain } = await genomeServer(t)
  const document = Buffer.from(await (await fetch(`${plain}/openapi.json`)).arrayBuffer())
  for (const [coding, body, level] of [
    ['gzip', gzip(document), 'ok'],
    ['deflate', deflateSync(document), 'ok'],
    ['gzip', Buffer.from('nonsense'), 'fail'],
  ] as const) {
    const answer: Answer = ({ headers }, reply) =>
      /gzip/.test(String(headers['accept-encoding']))
        ? text(body, 200, { 'content-encoding': coding })({} as never, reply)
        : text(document)({} as never, reply)
    const { url } = await genomeServer(t, { '/openapi.json': answer })
    t.equal((await found(t, url, { as: 'refgenie' })).get('routes')?.level, level, coding)
  }
})

t.test('catalogues of odd shapes', async t => {
  for (const listing of ['null', '[]', '{"abc":null}', '{"abc":[1]}', 'x', '{"abc":[]}']) {
    const { url } = await genomeServer(t, { '/v3/assets/list': text(listing) })
    const findings = await found(t, url)
    t.match(findings.get('access'), { level: 'warn', evidence: /0 assets/ }, listing)
    t.equal(findings.get('download')?.level, 'fail')
    t.equal((await found(t, url, { as: 'nextflow' })).get('attributes')?.level, 'fail')
  }
  for (const attributes of ['null', '{"archive_digest":1,"seek_keys":{"fasta":{}}}', '[]']) {
    const { url } = await genomeServer(t, { '/v3/assets/attrs/abc/fasta': text(attributes) })
    t.equal((await found(t, url)).get('download')?.level, 'ok', attributes)
  }
  const nameless = await genomeServer(t, { '/v3/genomes/alias_dict': text('{}') })
  const plain = await found(t, nameless.url, { as: 'refgenie' })
  t.equal(plain.has('alias-digest'), false)
  t.equal(plain.get('archive')?.level, 'ok')
  const failing = await genomeServer(t, { '/v3/assets/list': text('no', 500) })
  t.match((await found(t, failing.url)).get('access'), { evidence: /answers 500/ })
})

t.test('an archive that is not the one of the catalogue', async t => {
  const attributes = text('{"archive_digest":"d41d8cd98f00b204e9800998ecf8427e"}')
  const { url } = await genomeServer(t, { '/v3/assets/attrs/abc/fasta': attributes })
  const findings = await found(t, url)
  t.match(findings.get('digest'), { level: 'fail', evidence: /md5 in the catalogue is not that/ })
})

t.test('credentials that are refused, for the stock client too', async t => {
  const refusing: Answer = ({ headers }, reply) =>
    headers.authorization === undefined
      ? text('open')({} as never, reply)
      : text('no', 401)({} as never, reply)
  const { url } = await crookedServer(t, {}, { answers: { '/c.txt': refusing } })
  const network = new Network({ credentials: new Credentials({ [url]: 'wrong' }) })
  t.teardown(() => network.close())
  const more = { network, credentials: true }
  t.match((await found(t, `${url}/c.txt`, more)).get('access'), {
    level: 'fail',
    evidence: /refused: 401/,
  })
  const server = await genomeServer(t)
  const own = new Network({ credentials: new Credentials({ [server.url]: 'geheim' }) })
  t.teardown(() => own.close())
  const findings = await found(t, server.url, { network: own, credentials: true, as: 'refgenie' })
  t.match(findings.get('token'), { level: 'warn' })
  t.ok(server.arrived.every(({ headers }) => headers.authorization === undefined))
})

t.test('Nextflow: dates it cannot read, and compression', async t => {
  const dated = text('file', 200, { 'last-modified': '2026-11-21' })
  const packed = text(gzipSync('file'), 200, { 'content-encoding': 'gzip' })
  const { url } = await crookedServer(t, {}, { answers: { '/d.txt': dated, '/p.txt': packed } })
  t.match((await found(t, `${url}/d.txt`, { as: 'nextflow' })).get('attributes'), {
    evidence: /2026-11-21/,
  })
  t.match((await found(t, `${url}/p.txt`, { as: 'nextflow' })).get('attributes'), {
    evidence: /gzip/,
  })
})

t.test('a preflight that allows everything but a token, an origin that is another', async t => {
  const answer =
    (allowed: string, headers: string): Answer =>
    ({ method }, reply) =>
      text(method === 'OPTIONS' ? '' : 'x'.repeat(100), 200, {
        'access-control-allow-origin': allowed,
        'access-control-allow-headers': headers,
        'access-control-expose-headers': '*',
      })({} as never, reply)
  const answers = { '/s.txt': answer('*', '*'), '/o.txt': answer('https://a.org', 'range') }
  const { url } = await crookedServer(t, {}, { answers })
  t.equal((await found(t, `${url}/s.txt`)).get('cors-preflight')?.level, 'ok')
  t.equal((await found(t, `${url}/s.txt`)).get('cors-expose')?.level, 'ok')
  const token = await found(t, `${url}/s.txt`, { credentials: true })
  t.match(token.get('cors-preflight'), { level: 'fail', evidence: /authorization/ })
  const other = await found(t, `${url}/o.txt`)
  t.match(other.get('cors'), {
    level: 'fail',
    evidence: /is https:\/\/a\.org, not https:\/\/igv\.org/,
  })
  t.match(other.get('cors-preflight'), { level: 'fail', evidence: /https:\/\/igv\.org/ })
})
