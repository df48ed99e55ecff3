/** Each fault of a server is found, with its fix, and nothing else is blamed. */
import { gzipSync } from 'node:zlib'
import t, { type Test } from 'tap'
import { type ExaminationOrder, examine } from '../../../src/client/doctor/examine.ts'
import type { Finding } from '../../../src/client/doctor/finding.ts'
import type { ClientName } from '../../../src/client/doctor/replay-client.ts'
import { Network } from '../../../src/transfer/network.ts'
import { crookedServer, type Faults } from '../../support/crooked-server.ts'
import { fastaFiles } from '../../support/fasta-files.ts'
import { unknownName } from '../../support/unknown-name.ts'

const FILES: Record<string, Buffer> = {
  ...fastaFiles(200_000),
  '/a.tgz': gzipSync(Buffer.alloc(50_000, 'refdepot')),
}

async function findings(
  t: Test,
  url: string,
  more: Partial<ExaminationOrder> = {},
): Promise<readonly Finding[]> {
  const network = new Network()
  t.teardown(() => network.close())
  const order = { credentials: false, caFiles: [], env: {}, origin: 'https://igv.org' }
  return (await examine({ url, network, ...order, ...more })).findings
}

const not = (level: Finding['level'], found: readonly Finding[]) =>
  found.filter(finding => finding.level !== level).map(({ check }) => check)

t.test('a server that does everything right is all right', async t => {
  const { url } = await crookedServer(t, FILES)
  for (const path of ['/a.tgz', '/x.fa', '/x.fa.gz']) {
    const found = await findings(t, url + path)
    t.same(not('ok', found), [], path)
    t.ok(found.length >= 20, `${found.length} checks`)
  }
})

const FOUND: readonly [Faults, checks: readonly string[], fix: RegExp][] = [
  [{ ignoresRange: true }, ['range'], /honour Range/],
  [{ shiftsRanges: true }, ['range'], /honour Range/],
  [{ refusesLongRanges: true }, ['range-end'], /is clipped, not refused/],
  [{ forgets416: true }, ['range-beyond'], /416/],
  [{ ignoresIfRange: true }, ['if-range'], /If-Range/],
  [{ compresses: true }, ['encoding'], /gzip off/],
  [{ chunked: true }, ['length'], /Content-Length/],
  [{ noCors: true }, ['cors', 'cors-preflight', 'cors-error'], /Access-Control-Allow-Origin/],
  [{ noCorsOnErrors: true }, ['cors-error'], /`always` covers errors/],
  [{ noPreflight: true }, ['cors-preflight'], /OPTIONS/],
  [{ headStatus: 405 }, ['head'], /proxy_cache_convert_head/],
  [{ etag: 'none' }, ['etag'], /etag on/],
  [{ etag: 'weak' }, ['etag'], /strong ETag/],
  [{ etag: 'changing' }, ['etag', 'head', 'if-range'], /same ETag/],
  [{ skewMs: -3_600_000 }, ['clock'], /NTP/],
  [{ skewMs: 3_600_000 }, ['clock'], /NTP/],
  [{ html: true }, ['download'], /try_files/],
  [{ token: 'secret' }, ['access', 'download'], /--token-file/],
  [{ wrongDigest: true }, ['digest'], /archive verify/],
]

for (const [faults, checks, fix] of FOUND) {
  t.test(`finds ${JSON.stringify(faults)}`, async t => {
    const { url } = await crookedServer(t, FILES, faults)
    const failed = (await findings(t, `${url}/a.tgz`)).filter(({ level }) => level === 'fail')
    t.same(failed.map(({ check }) => check).sort(), [...checks].sort())
    t.match(JSON.stringify(failed.map(finding => finding.fix)), fix)
  })
}

t.test('what is only less good is a warning', async t => {
  const warned: readonly [Faults, string][] = [
    [{ etag: 'time' }, 'etag'],
    [{ skewMs: 120_000 }, 'clock'],
    [{ noDate: true }, 'clock'],
    [{ noExpose: true }, 'cors-expose'],
    [{ via: '1.1 squid' }, 'proxy'],
  ]
  for (const [faults, check] of warned) {
    const { url } = await crookedServer(t, FILES, faults)
    const found = await findings(t, `${url}/a.tgz`)
    t.same(not('ok', found), [check])
    t.equal(found.find(finding => finding.level === 'warn')?.check, check)
  }
})

t.test('compression of a plain file is a warning, of an archive a fault', async t => {
  const { url } = await crookedServer(t, FILES, { compresses: true })
  t.equal(level(await findings(t, `${url}/x.fa`), 'encoding'), 'warn')
  t.equal(level(await findings(t, `${url}/x.fa.gz`), 'encoding'), 'fail')
})

t.test('a token is tried, and not told', async t => {
  const { url, arrived } = await crookedServer(t, FILES, { token: 'secret' })
  const { Credentials } = await import('../../../src/transfer/credentials.ts')
  for (const [token, wanted] of [
    ['secret', []],
    ['other', ['access', 'download']],
  ] as const) {
    const network = new Network({ credentials: new Credentials({ [url]: token }) })
    t.teardown(() => network.close())
    const found = await findings(t, `${url}/a.tgz`, { network, credentials: true })
    t.same(not('ok', found), wanted)
    t.notMatch(JSON.stringify(found), new RegExp(`"[^"]*\\b${token}\\b`))
  }
  t.ok(arrived.some(({ headers }) => headers.authorization === 'Bearer secret'))
  const preflights = arrived.filter(({ method }) => method === 'OPTIONS')
  t.ok(preflights.every(({ headers }) => headers.authorization === undefined))
  t.match(preflights[0]?.headers, { 'access-control-request-headers': 'authorization,range' })
})

t.test('redirects: where to, and whether pages and credentials may follow', async t => {
  const far = await crookedServer(t, FILES)
  const redirect = { from: '/r', to: `${far.url}` }
  const near = await crookedServer(t, FILES, { redirect })
  t.same(not('ok', await findings(t, `${near.url}/r/a.tgz`)), [])
  const silent = await crookedServer(t, FILES, { noCors: true })
  const to = await crookedServer(t, FILES, { redirect: { from: '/r', to: silent.url } })
  const found = await findings(t, `${to.url}/r/a.tgz`)
  t.equal(level(found, 'cors-redirect'), 'fail')
  t.equal(level(found, 'redirect'), 'ok')
  const { Credentials } = await import('../../../src/transfer/credentials.ts')
  const closed = await crookedServer(t, FILES, { token: 'b' })
  const from = await crookedServer(t, FILES, { redirect: { from: '/r', to: closed.url } })
  const network = new Network({ credentials: new Credentials({ [from.url]: 'a' }) })
  t.teardown(() => network.close())
  t.ok((await findings(t, `${from.url}/r/a.tgz`, { network })).some(it => it.level === 'fail'))
  t.ok(closed.arrived.every(({ headers }) => headers.authorization === undefined))
})

t.test('as a browser: what it could not read fails', async t => {
  const as = (name: ClientName) => ({ as: name })
  for (const client of ['igv', 'jbrowse'] as const) {
    for (const path of ['/x.fa', '/x.fa.gz']) {
      const right = await crookedServer(t, FILES)
      t.same(not('ok', await findings(t, right.url + path, as(client))), [], `${client} ${path}`)
      const silent = await crookedServer(t, FILES, { noCors: true })
      const found = await findings(t, silent.url + path, as(client))
      t.match(found.find(it => it.level === 'fail')?.evidence, /without CORS headers/)
      const whole = await crookedServer(t, FILES, { ignoresRange: true })
      const ignored = await findings(t, whole.url + path, as(client))
      t.match(ignored.find(it => it.level === 'fail')?.evidence, /Range is ignored/)
    }
  }
  const gone = await crookedServer(t, { '/x.fa': FILES['/x.fa'] ?? Buffer.alloc(0) })
  const found = await findings(t, `${gone.url}/x.fa`, as('igv'))
  t.equal(level(found, 'index'), 'fail')
  const archive = await findings(t, `${gone.url}/x.fa.fai`, as('igv'))
  t.equal(level(archive, 'fasta-file'), 'fail')
})

t.test('as htslib, Nextflow and refgenie', async t => {
  const { url } = await crookedServer(t, FILES)
  t.same(not('ok', await findings(t, `${url}/x.fa`, { as: 'htslib' })), [])
  t.same(not('ok', await findings(t, `${url}/x.fa.gz`, { as: 'htslib' })), [])
  t.same(not('ok', await findings(t, `${url}/a.tgz`, { as: 'nextflow' })), [])
  const chunked = await crookedServer(t, FILES, { chunked: true })
  t.equal(
    level(await findings(t, `${chunked.url}/a.tgz`, { as: 'nextflow' }), 'attributes'),
    'fail',
  )
  t.equal(level(await findings(t, `${url}/a.tgz`, { as: 'refgenie' }), 'asset'), 'fail')
  t.equal(level(await findings(t, `${url}/`, { as: 'nextflow' }), 'attributes'), 'fail')
})

t.test('htslib seeks in what is large', async t => {
  const files = fastaFiles(3_000_000)
  const { url, arrived } = await crookedServer(t, files)
  t.same(not('ok', await findings(t, `${url}/x.fa`, { as: 'htslib' })), [])
  t.ok(arrived.some(({ headers }) => headers.range === 'bytes=1525016-'))
  const deaf = await crookedServer(t, files, { ignoresRange: true })
  t.equal(level(await findings(t, `${deaf.url}/x.fa`, { as: 'htslib' }), 'sequence'), 'fail')
})

t.test('nobody there', async t => {
  const found = await findings(t, 'http://127.0.0.1:9/x.fa')
  t.equal(level(found, 'server'), 'fail')
  t.equal(found.length, 2)
  unknownName(t, 'refdepot.invalid')
  const nameless = await findings(t, 'http://refdepot.invalid/x.fa')
  t.same(not('ok', nameless), ['name', 'server'])
  t.match(
    nameless.map(({ fix }) => fix?.advice),
    [/check the address/, /check the address/],
  )
  const { url } = await crookedServer(t, FILES)
  const plain = await findings(t, `${url.replace('http:', 'https:')}/x.fa`)
  t.match(plain.find(({ check }) => check === 'tls')?.evidence, /does not speak TLS/)
  t.equal(level(await findings(t, url), 'download'), 'fail', 'nothing but a root')
})

function level(found: readonly Finding[], check: string): string | undefined {
  return found.find(finding => finding.check === check)?.level
}
