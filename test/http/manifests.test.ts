/** Manifests that are kept at a server: who may, what comes back, and when no more are taken. */
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { parseManifest } from '../../src/domain/manifest.ts'
import type { ManifestPolicy } from '../../src/http/app-settings.ts'
import { KeptManifests } from '../../src/http/kept-manifests.ts'
import { LazyState } from '../../src/state/lazy-state.ts'
import { startApp } from '../support/start-app.ts'

const SHA = 'ab'.repeat(32)
const TABLE = `registry_path\tsha256\tsize\nt7/fasta:default\t${SHA}\t123\nt7/index:default\t${'cd'.repeat(32)}\t7\n`
const TSV = { 'content-type': 'text/tab-separated-values' }

/** A server with a token that may write and one that may only read. */
async function served(t: Test, manifests?: ManifestPolicy) {
  const state = new LazyState(join(t.testdir({}), 'state.sqlite'))
  const { tokens } = await state.open()
  const token = async (name: string, scope: string) =>
    (await tokens.create({ name, scopes: [scope], by: 'me' })).token
  const writer = await token('writer', 'write:t7/*')
  const reader = await token('reader', 'read:t7/*')
  const started = await startApp(t, {}, { ...(manifests && { manifests }) }, { state })
  const post = (payload: string, bearer = writer, headers = {}) =>
    started.app.inject({
      method: 'POST',
      url: '/manifests',
      payload,
      headers: { ...TSV, ...(bearer !== '' && { authorization: `Bearer ${bearer}` }), ...headers },
    })
  const get = (url: string, headers = {}) => started.app.inject({ url, headers })
  return { ...started, state, writer, reader, post, get }
}

t.test('a manifest is kept under the digest of its content, for everybody', async t => {
  const { post, get, state, access } = await served(t)
  const kept = await post(TABLE)
  t.equal(kept.statusCode, 201)
  const { id, url, rows, bytes, expires_at } = kept.json()
  t.match(kept.headers, { location: url, 'cache-control': 'no-store' })
  t.match({ rows, bytes, url }, { rows: 2, bytes: 130, url: `http://localhost:80/manifests/${id}` })
  const days = (Date.parse(expires_at) - Date.now()) / 86_400_000
  t.ok(days > 89.9 && days <= 90, `${days} days`)
  const json = await get(`/manifests/${id}`)
  t.match(json.headers, { 'content-type': 'application/json', vary: /Accept/ })
  t.equal(createHash('sha256').update(json.rawPayload).digest('hex'), id, 'anybody can check it')
  t.same(parseManifest(json.body), parseManifest(TABLE))
  const again = await post(json.body, undefined, { 'content-type': 'application/json' })
  t.match(again, { statusCode: 200 }, 'the same in another form')
  t.equal(again.json().id, id)
  const form = { 'content-type': 'application/x-www-form-urlencoded' }
  t.equal((await post(TABLE, undefined, form)).json().id, id, 'as curl --data-binary sends it')
  await access.trail.flush()
  const audit = await (await state.open()).audit.find({ limit: 9, action: 'manifest-kept' })
  t.match(audit, [{ actor: 'token writer', subject: id }])
  t.equal(audit.length, 1)
})

t.test('it comes back in every format', async t => {
  const { post, get } = await served(t)
  const { id } = (await post(TABLE)).json()
  const host = { host: 'depot.example' }
  for (const [format, type, pattern] of [
    ['tsv', 'text/tab-separated-values; charset=utf-8', `registry_path\tmd5\tsha256`],
    ['json', 'application/json', '"format":"refdepot-manifest"'],
    [
      'meta4',
      'application/metalink4+xml',
      `<url priority="1">http://depot.example/archives/${SHA}</url>`,
    ],
    ['sha256', 'text/plain; charset=utf-8', `${SHA}  t7__fasta__default.tgz\n`],
    [
      'aria2',
      'text/plain; charset=utf-8',
      `http://depot.example/archives/${SHA}\n  out=t7__fasta__default.tgz\n`,
    ],
  ] as const) {
    const answer = await get(`/manifests/${id}?format=${format}`, host)
    t.equal(answer.statusCode, 200)
    t.equal(answer.headers['content-type'], type)
    t.match(answer.body, pattern)
    t.match(answer.headers['content-disposition'], `manifest-${id.slice(0, 12)}.${format}`)
  }
  for (const [accept, type] of [
    ['text/tab-separated-values', /^text\/tab/],
    ['application/metalink4+xml', /metalink4/],
    ['text/html,*/*;q=0.8', /json/],
    ['image/png', /json/],
  ] as const) {
    t.match((await get(`/manifests/${id}`, { accept })).headers['content-type'], type)
  }
  t.match((await get(`/manifests/${id}?format=xml`)).json(), { status: 400 })
  const tsv = await get(`/manifests/${id}?format=tsv`)
  t.notMatch(tsv.body, 'http:', 'what was sent is not added to')
  const etag = { 'if-none-match': tsv.headers.etag }
  t.equal((await get(`/manifests/${id}?format=tsv`, etag)).statusCode, 304)
  const ends = (await get(`/manifests/${id}?format=meta4`, { host: 'other.example' })).body
  t.match(ends, 'http://other.example/archives', 'each caller gets the address they know')
})

t.test('addresses are made for assets only, and by md5 where there is one', async t => {
  const { post, get } = await served(t)
  const md5 = '51a58ef25e4f1d7e76f226fd5655754f'
  const own = `[{"registry_path":"t7/a:x","md5":"${md5}","sha256":"${SHA}","size":1},{"file_name":"b","md5":"${md5}","size":1,"url":"https://b.example/b"}]`
  const { id } = (await post(own)).json()
  const xml = (await get(`/manifests/${id}?format=meta4`)).body
  t.match(xml, `>http://localhost:80/archives/${md5}<`)
  t.match(xml, '>https://b.example/b<')
  t.match((await get(`/manifests/${id}?format=sha256`)).json(), {
    status: 400,
    code: 'manifest-invalid',
    detail: /'b' has no sha256/,
  })
  const bare = (await post(`[{"file_name":"b","md5":"${md5}","size":1}]`)).json()
  t.match((await get(`/manifests/${bare.id}?format=aria2`)).json(), { code: 'manifest-invalid' })
})

t.test('who may keep one', async t => {
  const { post, get, reader } = await served(t)
  t.match((await post(TABLE, '')).json(), { status: 401, code: 'login-required' })
  t.match((await post(TABLE, reader)).json(), { status: 403, code: 'forbidden' })
  t.match((await post(TABLE, 'rdp_wrong')).json(), { status: 401 })
  const foreign = { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' }
  t.match((await post(TABLE, undefined, foreign)).json(), { status: 403 })
  for (const id of ['0'.repeat(64), 'x', '..%2fx']) {
    t.match((await get(`/manifests/${id}`)).json(), { status: 404, code: 'unknown-manifest' })
  }
})

t.test('a server may take them from everybody, or from nobody', async t => {
  const open = await served(t, 'open')
  const kept = await open.post(TABLE, '')
  t.equal(kept.statusCode, 201)
  t.equal((await open.get(`/manifests/${kept.json().id}`)).statusCode, 200)
})

t.test('a server may take them from nobody', async t => {
  const off = await served(t, 'off')
  t.match((await off.post(TABLE)).json(), { status: 404, code: 'manifests-off' })
  t.match((await off.get(`/manifests/${SHA}`)).json(), { status: 404, code: 'manifests-off' })
})

t.test('a server without a state has none', async t => {
  const { app } = await startApp(t)
  t.match((await app.inject(`/manifests/${SHA}`)).json(), { code: 'unknown-manifest' })
  t.match((await app.inject({ method: 'POST', url: '/manifests' })).json(), { status: 401 })
})

t.test('what is no manifest, and what is too large', async t => {
  const { post } = await served(t)
  for (const [text, detail] of [
    ['', /it is empty/],
    ['registry_path\tsha256\tsize\n', /it has no rows/],
    [TABLE.replace(SHA, 'zz'), /line 2: sha256 'zz' is not 64/],
    [TABLE.replace('t7/fasta', '../x'), /line 2: registry_path/],
  ] as const) {
    t.match((await post(text)).json(), { status: 400, code: 'manifest-invalid', detail })
  }
  t.equal((await post('x'.repeat(10 * 1024 * 1024 + 1))).statusCode, 413)
})

t.test('a sender adds so many in an hour, and there is room for so many bytes', async t => {
  const { state, access } = await served(t)
  const sender = {
    name: 'token writer',
    credentials: 'valid',
    rights: { mayWriteSome: true },
  } as never
  const one = (i: number) => `[{"file_name":"${i}","sha256":"${SHA}","size":1}]`
  const few = new KeptManifests(access, 'token', { anHour: 2, bytes: 1e6 })
  await few.keep(one(1), sender, '')
  await few.keep(one(2), sender, '')
  await t.rejects(few.keep(one(3), sender, ''), {
    code: 'too-many-requests',
    retryAfter: 3600,
    message: /2 manifests were added in an hour by the same sender/,
  })
  await few.keep(one(3), { ...(sender as object), name: 'token other' } as never, '')
  const { manifests } = await state.open()
  const bytes = await manifests.bytes()
  const full = new KeptManifests(access, 'token', { anHour: 100, bytes: bytes + 10 })
  await t.rejects(full.keep(one(4), sender, ''), {
    code: 'too-many-requests',
    message: /no room for more manifests/,
  })
  t.equal(await manifests.bytes(), bytes, 'nothing was added')
})
