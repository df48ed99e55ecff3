/** Which answers are handed over to a proxy; what a real nginx makes of it is in test/agreement/sendfile.test.ts. */
import { realpath } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { HandOff } from '../../src/http/access/hand-off.ts'
import { ProxyTransfers } from '../../src/http/access/proxy-transfers.ts'
import { trustedProxies } from '../../src/http/trusted-proxies.ts'
import { LazyState } from '../../src/state/lazy-state.ts'
import { numbersOf, sizedArchives } from '../support/counting-app.ts'
import { T7 } from '../support/genome-fixtures.ts'
import { startApp } from '../support/start-app.ts'

const BIG = 200_000
const PATH = '/t7/assets/big/archive'

async function started(t: Test, more: Partial<HandOff> = {}, trustProxy = ['127.0.0.1']) {
  const folder = await realpath(t.testdir({}))
  const { config, digests } = await sizedArchives(folder, { big: BIG, small: 3000 })
  const transfers = new ProxyTransfers(() => {})
  const handOff: HandOff = {
    header: 'x-accel-redirect',
    prefix: '/inside',
    root: folder,
    trusts: trustedProxies(trustProxy) || (() => false),
    transfers,
    ...more,
  }
  const state = new LazyState(join(folder, 'state.sqlite'))
  const { app, access } = await startApp(
    t,
    { config, archiveFolder: folder },
    { trustProxy },
    { handOff, state, countDownloads: true, settleMs: 0 },
  )
  const kind = handOff.header
  const ask = (headers: Record<string, string> = {}, method: 'GET' | 'HEAD' = 'GET', path = PATH) =>
    app.inject({ method, url: path, headers: { 'x-sendfile-type': kind, ...headers } })
  return { app, access, ask, folder, digests, transfers }
}

t.test('the proxy gets the name of the file and the headers of the answer', async t => {
  const { ask, digests } = await started(t)
  const order = await ask()
  t.equal(order.statusCode, 421, 'no success for whoever is no proxy')
  t.equal(order.body, '')
  t.match(order.headers, {
    'x-accel-redirect': `/inside/${T7}/big__default.tgz`,
    'x-refdepot-file': /^"[0-9a-f]+-30d40"$/,
    'x-refdepot-transfer': /^[0-9a-f]{32}$/,
    etag: `"${digests.big}"`,
    'content-length': '0',
    'content-disposition': 'attachment; filename="big__default.tgz"',
  })
  t.notOk(order.headers['accept-ranges'], 'nginx says it itself')
  const part = await ask({ range: 'bytes=100000-' })
  t.equal(part.statusCode, 421)
  t.equal(part.headers['accept-ranges'], 'bytes')
  t.notOk(part.headers['content-range'])
})

t.test('what is handed over counts when the proxy has told what it has sent', async t => {
  const { app, access, ask, transfers } = await started(t)
  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  const order = async (headers = {}) => {
    const asking = { 'x-sendfile-type': 'X-Accel-Redirect', ...headers }
    const answer = await fetch(url + PATH, { headers: asking })
    await answer.arrayBuffer()
    return answer.headers.get('x-refdepot-transfer')
  }
  const [whole, part] = [await order(), await order({ range: 'bytes=100000-' })]
  t.same(await numbers(access), { downloads: 0, bytes: 0 }, 'nothing was sent yet')
  const report = (name: unknown, sent: number) =>
    transfers.report(`transfer=${name} sent=${sent} status=200 complete=OK`)
  report(whole, BIG)
  t.same(await numbers(access), { downloads: 1, bytes: BIG })
  report(part, BIG / 2)
  t.same(await numbers(access), { downloads: 1, bytes: 1.5 * BIG })
  // A request within the process has no connection that could have taken the order.
  report((await ask()).headers['x-refdepot-transfer'], BIG)
  t.same(await numbers(access), { downloads: 1, bytes: 1.5 * BIG }, 'an order that nobody took')
})

async function numbers({
  counts,
}: {
  counts: { sums(window: object): Promise<Map<string, unknown>> }
}) {
  return [...(await counts.sums({})).values()][0] ?? { downloads: 0, bytes: 0 }
}

t.test('what a proxy would do otherwise comes from the server', async t => {
  const { ask, app, digests } = await started(t)
  const etag = `"${digests.big}"`
  for (const headers of [
    { range: 'bytes=0-9' },
    { range: 'bytes=0-99999,150000-' },
    { range: 'bytes=0-99999,100000-' },
    { range: 'bytes =0-99999' },
    { range: 'bytes=0-9999999999999999' },
    { range: 'bytes=0-99999', 'if-range': '"other"' },
    { range: 'bytes=0-99999', 'if-match': etag },
    { 'if-match': etag },
    { 'if-none-match': '"other"' },
    { 'if-modified-since': new Date(0).toUTCString() },
    { 'if-unmodified-since': new Date(Date.now() + 1e6).toUTCString() },
  ]) {
    const answer = await ask(headers)
    t.ok(answer.statusCode < 300, JSON.stringify(headers))
    t.notOk(answer.headers['x-accel-redirect'], JSON.stringify(headers))
    t.ok(answer.rawPayload.length > 0)
  }
  t.equal((await ask({}, 'HEAD')).statusCode, 200)
  t.equal((await ask({ 'if-none-match': etag })).statusCode, 304)
  t.equal((await ask({ range: 'bytes=999999-' })).statusCode, 416)
  t.equal((await ask({}, 'GET', '/t7/assets/small/archive')).statusCode, 200)
  t.equal((await ask({ range: 'bytes=0-99999', 'if-range': etag })).statusCode, 421)
  const plain = await app.inject({ url: PATH })
  t.equal(plain.rawPayload.length, BIG, 'nobody has asked for a hand-off')
  t.equal((await ask({ 'x-sendfile-type': 'X-Sendfile' })).statusCode, 200, 'another kind')
})

t.test('nobody but a trusted proxy is told of files', async t => {
  const { ask } = await started(t, {}, ['10.1.2.3'])
  const answer = await ask()
  t.equal(answer.statusCode, 200)
  t.equal(answer.rawPayload.length, BIG)
})

t.test('files outside of the folder that the proxy reads stay here', async t => {
  const { ask } = await started(t, { root: '/elsewhere' })
  t.equal((await ask()).rawPayload.length, BIG)
})

t.test('x-sendfile has the absolute path, and what was handed over counts as sent', async t => {
  const { app, folder, access } = await started(t, {
    header: 'x-sendfile',
    transfers: undefined as never,
  })
  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  const answer = await fetch(url + PATH, { headers: { 'x-sendfile-type': 'X-Sendfile' } })
  t.equal(answer.status, 200)
  t.equal(
    decodeURIComponent(answer.headers.get('x-sendfile') ?? ''),
    join(folder, T7, 'big__default.tgz'),
  )
  t.equal((await answer.arrayBuffer()).byteLength, 0)
  t.equal(answer.headers.get('accept-ranges'), 'bytes')
  t.notMatch([...answer.headers.keys()].join(), /refdepot/, 'these proxies pass everything on')
  t.same(await numbersOf(url, 'big'), { downloads: 1, bytes: BIG })
  t.same(await numbers(access), { downloads: 1, bytes: BIG })
})
