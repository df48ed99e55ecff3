/** What replicas know of each other's callers, and what nginx passes on to them. */
import t from 'tap'
import { replicated } from '../support/peers/replicated.ts'
import { run } from '../support/peers/run.ts'
import {
  archiveIn,
  body,
  CONTROLLED,
  runningReplicas,
  status,
  twoGenerations,
} from '../support/peers/running-replicas.ts'
import { until } from '../support/until.ts'

const SMALL_BYTES = 2_000_000
// More than sockets and nginx hold in memory.
const BIG_BYTES = 30_000_000

t.test('what one replica is told about access counts on the other at once', async t => {
  const { one, two, proxy, admin, asReplica } = await runningReplicas(t, SMALL_BYTES)
  const path = `/t7/assets/${CONTROLLED}`
  for (const [here, there] of [
    [one, two],
    [two, one],
  ] as const) {
    const name = here === one ? 'alice' : 'bob'
    const form = JSON.stringify({ name, scopes: [`read:t7/${CONTROLLED}`] })
    const headers = { ...admin, 'content-type': 'application/json' }
    const made = await fetch(`${here.url}/admin/tokens`, { method: 'POST', headers, body: form })
    t.equal(made.status, 201)
    const { token } = (await made.json()) as { token: string }
    const bearer = { authorization: `Bearer ${token}` }
    const bytes = await body(`${here.url}${path}/archive`, bearer)
    t.same(await body(`${there.url}${path}/archive`, bearer), bytes, 'a token')
    const asked = await body(`${proxy.url}${path}/url`, bearer)
    const { url } = JSON.parse(asked.toString('utf8')) as { url: string }
    t.ok(url.startsWith(`${proxy.url}/links/`), 'the link leads to where the client asked')
    for (const server of [here, there, proxy])
      t.same(await body(url.replace(proxy.url, server.url)), bytes, 'a link')
    t.same(await body(`${proxy.url}/~${token}${path}/archive`), bytes, 'a token in the path')
    const gone = await fetch(`${here.url}/admin/tokens/${name}`, {
      method: 'DELETE',
      headers: admin,
    })
    t.equal(gone.status, 200)
    for (const server of [there, here, proxy]) {
      t.equal(await status(`${server.url}${path}/archive`, bearer), 404, 'revoked')
      t.ok((await status(url.replace(proxy.url, server.url))) >= 400, 'and its link')
    }
    for (const output of [await proxy.log(), one.output(), two.output()]) {
      t.notOk(output.includes(token), 'no log has the token')
      t.notOk(output.includes(url.slice(`${proxy.url}/links/`.length)), 'or the link')
    }
  }
  const audit = await asReplica('audit', '--json')
  t.match(audit.stdout, /token-revoked.*alice/)
  t.match(audit.stdout, /token-revoked.*bob/)
})

t.test('nginx passes ranges and conditions, and says what clients asked', async t => {
  const { one, proxy, first } = await runningReplicas(t, SMALL_BYTES)
  const bytes = await archiveIn(first, 'big')
  const url = `${proxy.url}/t7/assets/big/archive`
  const direct = await fetch(`${one.url}/t7/assets/big/archive`, { method: 'HEAD' })
  const etag = direct.headers.get('etag') ?? ''
  const head = await fetch(url, { method: 'HEAD' })
  for (const name of ['etag', 'content-length', 'accept-ranges', 'content-type', 'last-modified'])
    t.equal(head.headers.get(name), direct.headers.get(name), name)
  for (const [condition, wanted] of [
    [etag, 206],
    ['"other"', 200],
  ] as const) {
    const answer = await fetch(url, {
      headers: { range: 'bytes=1000-1999', 'if-range': condition },
    })
    t.equal(answer.status, wanted, `If-Range: ${condition}`)
    const got = Buffer.from(await answer.arrayBuffer())
    t.ok(got.equals(wanted === 206 ? bytes.subarray(1000, 2000) : bytes))
  }
  const several = await fetch(url, { headers: { range: 'bytes=0-9,100-109' } })
  t.match(several.headers.get('content-type'), /^multipart\/byteranges/)
  await several.arrayBuffer()
  t.equal(await status(url, { 'if-none-match': etag }), 304)
  t.equal(await status(url, { range: `bytes=${bytes.length}-` }), 416)
})

t.test('nginx tells the replicas who asks, and believes nobody else', async t => {
  const { proxy, admin } = await runningReplicas(t, SMALL_BYTES)
  const [header = ''] = Object.entries(admin).map(([name, value]) => `${name}: ${value}`)
  const from = async (address: string, url: string, ...more: string[]) => {
    const args = ['-sS', '-w', '\n%{http_code}', '--interface', address, ...more, url]
    const [, body = '', code = ''] = /^(.*)\n(\d+)$/s.exec((await run('curl', args)).stdout) ?? []
    return { body, code }
  }
  const bound = `${proxy.url}/t7/assets/${CONTROLLED}/url?bind=address`
  const spoof = ['-H', 'X-Forwarded-For: 127.0.0.3']
  const { body: text } = await from('127.0.0.2', bound, '-H', header, ...spoof)
  const { url } = JSON.parse(text) as { url: string }
  t.equal((await from('127.0.0.2', url, '-o', '/dev/null')).code, '200', 'whoever has asked')
  t.not((await from('127.0.0.3', url)).code, '200', 'somebody else')
  t.not((await from('127.0.0.4', url, ...spoof)).code, '200', 'somebody who says to be that one')
})

t.test('a client that stops reading fills no disk', async t => {
  const { proxy, front } = await runningReplicas(t, BIG_BYTES)
  const careless = await front(config => config.replace('proxy_max_temp_file_size 0;', ''))
  const stalled = await Promise.all(
    [proxy, careless].map(({ url }) => fetch(`${url}/t7/assets/big/archive`)),
  )
  // Both have the same download at the same time: when the one has begun to keep it, the other one would have as well.
  await until('the careless one keeps it', async () => (await careless.kept()).length > 0)
  t.same(await proxy.kept(), [])
  for (const { body } of stalled) await body?.cancel()
})

t.test('whoever may only read cannot publish', async t => {
  const parts = await replicated(t)
  const { first } = await twoGenerations(t, SMALL_BYTES)
  const refused = await parts.asReplica('push', '-c', first.config)
  t.not(refused.code, 0)
  t.match(refused.stderr, /cannot write archives\/.*: Access Denied/)
  t.equal((await parts.publish('push', '-c', first.config)).code, 0)
  const back = await parts.asReplica('rollback', '1')
  t.not(back.code, 0, 'nor change what is served')
})
