/** Who is sent to the store: somebody without credentials, for an open archive as it is stored, and nobody else ever. */
import t, { type Test } from 'tap'
import { openStoreLinks } from '../../src/storage/open-store.ts'
import { publicLinks } from '../../src/storage/store-links.ts'
import { basic, bearer, controlledApp } from '../support/controlled-app.ts'
import { PANEL } from '../support/controlled-folder.ts'
import { T7 } from '../support/genome-fixtures.ts'

const BASE = 'https://store.example.org/refs'

async function redirecting(t: Test, mode: 'redirect' | 'auto' = 'redirect') {
  return controlledApp(t, { redirects: { mode, links: publicLinks(`${BASE}/`) } })
}

const ARCHIVE = '/t7/assets/fasta/archive'

t.test('an open archive as it is stored', async t => {
  const { get } = await redirecting(t)
  const stored = `${BASE}/${T7}/fasta__default.tgz`
  for (const url of [ARCHIVE, `/v3/assets/archive/${T7}/fasta`, `/assets/archive/${T7}/fasta`]) {
    const { statusCode, headers, body } = await get(url)
    t.match(
      { statusCode, body, headers },
      { statusCode: 307, body: '', headers: { location: stored } },
      url,
    )
    t.equal(headers['cache-control'], 'no-store')
    t.equal(headers['content-length'], '0')
  }
  const range = await get(ARCHIVE, 'none', { headers: { range: 'bytes=5-9' } })
  t.match(
    range,
    { statusCode: 307, headers: { location: stored } },
    'the client asks for its range there',
  )
})

t.test('never with credentials, whatever they are worth', async t => {
  const { get, callers } = await redirecting(t)
  const plain = await get(ARCHIVE, 'none', { method: 'HEAD' })
  t.equal(plain.statusCode, 200, 'HEAD tells what there is')
  for (const headers of [
    bearer(callers.admin),
    bearer('rdp_no_token'),
    basic('x', String(callers.admin)),
    { authorization: 'Negotiate abc' },
    { cookie: 'refdepot_session=abc' },
  ]) {
    const { statusCode } = await get(ARCHIVE, 'none', { headers })
    t.equal(statusCode, 200, JSON.stringify(Object.keys(headers)))
  }
  t.equal((await get(`/~${callers.admin}${ARCHIVE}`)).statusCode, 200)
})

t.test('never what is made, controlled or conditional', async t => {
  const { get } = await redirecting(t)
  for (const url of [
    '/v2/asset/t7/fasta/archive',
    `${ARCHIVE}?format=tar`,
    `/t7/assets/fasta/files/${T7}.fa`,
    '/t7/assets/fasta/contents',
  ]) {
    t.equal((await get(url)).statusCode, 200, url)
  }
  const controlled = `/t7/assets/${PANEL}/archive`
  t.equal((await get(controlled)).statusCode, 404)
  t.equal((await get(controlled, 'admin')).statusCode, 200)
  for (const headers of [
    { 'if-none-match': '"x"' },
    { 'if-match': '*' },
    { range: 'bytes=1-2', 'if-range': '"x"' },
    { 'if-modified-since': new Date(0).toUTCString() },
    { 'if-unmodified-since': new Date().toUTCString() },
    { range: 'bytes=1-2,5-6' },
  ]) {
    const { statusCode } = await get(ARCHIVE, 'none', { headers })
    t.ok(statusCode === 200 || statusCode === 206, JSON.stringify(headers))
  }
  const beyond = await get(ARCHIVE, 'none', { headers: { range: 'bytes=99999999-' } })
  t.equal(beyond.statusCode, 416)
})

t.test('auto: not for few bytes, and not for scripts of other sites', async t => {
  const { get } = await redirecting(t, 'auto')
  t.equal((await get(ARCHIVE)).statusCode, 200, 'the archive is small')
  const { get: always } = await redirecting(t)
  const script = { headers: { origin: 'https://igv.org' } }
  t.equal((await always(ARCHIVE, 'none', script)).statusCode, 307)
})

t.test('what the store sends is charged', async t => {
  const limits = { addressBytes: { bytes: 100, seconds: 3600 } }
  const links = publicLinks(BASE)
  const { get } = await controlledApp(t, { limits, redirects: { mode: 'redirect', links } })
  t.equal((await get(ARCHIVE)).statusCode, 307)
  t.equal((await get(ARCHIVE)).statusCode, 429)
})

t.test('links lead to the store where that is allowed', async t => {
  const { get } = await redirecting(t)
  const link = async (url: string, caller: 'none' | 'admin' = 'none') =>
    (await get(url, caller)).json().url as string
  t.equal(await link('/t7/assets/fasta/url'), `${BASE}/${T7}/fasta__default.tgz`)
  t.match(await link(`/t7/assets/${PANEL}/url`, 'admin'), `${BASE}/`)
  t.match(await link('/t7/assets/fasta/url?range=0-9'), /\/links\//)
  t.match(await link('/t7/assets/fasta/url?bind=address'), /\/links\//)
  t.match(await link('/t7/assets/fasta/url?format=tar'), /\/links\//)
  const opened = await get(await link('/t7/assets/fasta/url?format=tar'))
  t.equal(opened.statusCode, 200)
})

t.test(
  'a link to what is controlled can be taken back, unless everybody is sent to the store',
  async t => {
    const auto = await redirecting(t, 'auto')
    const made = await auto.get(`/t7/assets/${PANEL}/url`, 'admin')
    t.match(made.json().url, /\/links\//, 'a link to the store cannot be taken back')
  },
)

t.test('addresses of places', async t => {
  t.equal(await openStoreLinks('/some/folder', {}), undefined)
  t.equal(await openStoreLinks(undefined, { endpoint: 'http://x' }), undefined)
  const links = await openStoreLinks(undefined, { publicUrl: 'https://cdn/x/' })
  const options = { filename: 'a', mediaType: 'b', seconds: 1 }
  t.equal(await links?.linkTo('a b/ü.tgz', options), 'https://cdn/x/a%20b/%C3%BC.tgz')
})
