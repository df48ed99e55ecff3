import { createHash } from 'node:crypto'
import t from 'tap'
import { type LinkGrant, linkPath, readLink } from '../../src/http/access/signed-link.ts'
import { controlledApp } from '../support/controlled-app.ts'
import { PANEL, PANEL_TAG } from '../support/controlled-folder.ts'
import { T7 } from '../support/genome-fixtures.ts'
import { mangled } from '../support/mangled.ts'
import { putForward } from '../support/put-forward.ts'

const HIDDEN = `/t7/assets/${PANEL}`
const pathOf = (answer: { json(): { url: string } }) =>
  answer.json().url.replace('http://localhost:80', '')

t.test('a link works without any header until its time is over', async t => {
  const { get } = await controlledApp(t)
  const answer = await get(`${HIDDEN}/url`, 'right')
  t.equal(answer.statusCode, 200)
  t.equal(answer.headers['cache-control'], 'no-store')
  const { url, expires_at, bytes } = answer.json()
  t.match(
    url,
    new RegExp(`^http://localhost:80/links/[\\w-]+\\.[\\w-]+/${PANEL}__${PANEL_TAG}\\.tgz$`),
  )
  const days = (Date.parse(expires_at) - Date.now()) / 86_400_000
  t.ok(days > 0.99 && days <= 1, 'a day at most')
  const archive = await get(`${HIDDEN}/archive`, 'right')
  const linked = await get(pathOf(answer))
  t.equal(linked.statusCode, 200)
  t.same(linked.rawPayload, archive.rawPayload)
  t.equal(bytes, archive.rawPayload.length)
  t.match(linked.headers['cache-control'], /^private/)
  t.equal(
    linked.headers['content-disposition'],
    `attachment; filename="${PANEL}__${PANEL_TAG}.tgz"`,
  )
  const part = await get(pathOf(answer), 'none', { headers: { range: 'bytes=10-19' } })
  t.same([part.statusCode, part.rawPayload], [206, archive.rawPayload.subarray(10, 20)])
  t.equal((await get(`${HIDDEN}/archive/url`, 'right')).statusCode, 200, 'the other path')
  const soon = await get(`${HIDDEN}/url?expires=60s`, 'right')
  t.equal((await get(pathOf(soon))).statusCode, 200)
  putForward(t, 61_000)
  const late = await get(pathOf(soon))
  t.match([late.statusCode, late.json()], [403, { code: 'link-expired' }])
})

t.test('links to files, to the tar, to a part', async t => {
  const { get } = await controlledApp(t)
  const text = (await get(`${HIDDEN}/files/panel.bed`, 'right')).body
  for (const [query, name, body] of [
    ['file=panel.bed', 'panel.bed', text],
    ['file=panel.bed&range=0-3', 'panel.bed', text.slice(0, 4)],
    ['file=panel.bed&range=bytes=2-5', 'panel.bed', text.slice(2, 6)],
  ] as const) {
    const answer = await get(`${HIDDEN}/url?${query}`, 'right')
    t.ok(pathOf(answer).endsWith(`/${name}`))
    t.equal(answer.json().bytes, body.length)
    const linked = await get(pathOf(answer))
    t.same([linked.statusCode, linked.body], [200, body])
    t.equal(linked.headers['repr-digest'] === undefined, query.includes('range'))
    const part = await get(pathOf(answer), 'none', { headers: { range: 'bytes=1-2' } })
    t.same([part.statusCode, part.body], [206, body.slice(1, 3)])
    const beyond = await get(pathOf(answer), 'none', {
      headers: { range: `bytes=${body.length}-` },
    })
    t.equal(beyond.statusCode, 416)
  }
  const tar = await get(`${HIDDEN}/url?format=tar`, 'right')
  t.ok(pathOf(tar).endsWith('.tar'))
  t.equal((await get(pathOf(tar))).rawPayload.subarray(257, 262).toString(), 'ustar')
  const fasta = await get(`/t7/assets/fasta/url?file=${T7}.fa`)
  for (const suffix of ['', '.fai'])
    t.equal((await get(pathOf(fasta) + suffix)).statusCode, 200, 'an index beside the file')
  const gz = pathOf(await get(`/t7/assets/fasta/url?file=${T7}.fa.gz`))
  for (const suffix of ['', '.fai', '.gzi'])
    t.equal((await get(gz + suffix)).statusCode, 200, suffix)
  t.equal((await get(`${pathOf(fasta)}.bai`)).statusCode, 404, 'an index that is not there')
})

t.test('what is changed, meant for others or revoked does not work', async t => {
  const { get, state, folder, depot } = await controlledApp(t)
  const link = pathOf(await get(`${HIDDEN}/url?file=panel.bed`, 'right'))
  const [, , signed = '', name = ''] = link.split('/')
  const [payload = '', signature = ''] = signed.split('.')
  const other =
    pathOf(await get('/t7/assets/fasta/url'))
      .split('/')[2]
      ?.split('.') ?? []
  const flipped = (at: number) => {
    const bytes = Buffer.from(payload, 'base64url')
    bytes[at] = (bytes[at] as number) ^ 1
    return bytes.toString('base64url')
  }
  const key = await (await state.open()).key('links')
  const grant = readLink(key, signed)
  t.match(grant, { asset: PANEL, path: 'panel.bed', issuer: { kind: 'token' } })
  const forged = (change: object) =>
    linkPath(Buffer.alloc(32), { ...grant, ...change }, name).split('/')[2]
  t.notMatch(
    Buffer.from(payload, 'base64url').toString('latin1'),
    /token|panel/,
    'nobody can read whose it is',
  )
  for (const [why, path] of [
    ...[0, 16, 40, 90].map(
      at => [`byte ${at}`, `/links/${flipped(at)}.${signature}/${name}`] as const,
    ),
    ['a grant that somebody else has signed', `/links/${forged({})}/${name}`],
    ['a longer time', `/links/${forged({ expiresAt: grant.expiresAt + 1 })}/${name}`],
    ['the signature of another link', `/links/${payload}.${other[1]}/${name}`],
    ['the grant of another link', `/links/${other[0]}.${signature}/${name}`],
    ['another signature', `/links/${payload}.${mangled(signature, -2)}/${name}`],
    ['no signature', `/links/${payload}/${name}`],
    ['too many parts', `/links/${signed}.x/${name}`],
    ['nothing', `/links/x/${name}`],
    ['another name', `/links/${signed}/other.bed`],
    ['a longer name', `/links/${signed}/${name}.gz`],
  ] as const) {
    const answer = await get(path)
    t.match([answer.statusCode, answer.json()], [403, { code: 'link-invalid' }], why)
  }
  const bound = pathOf(
    await get(`${HIDDEN}/url?bind=address`, 'right', { remoteAddress: '192.0.2.1' }),
  )
  t.equal((await get(bound, 'none', { remoteAddress: '192.0.2.1' })).statusCode, 200)
  t.match((await get(bound, 'none', { remoteAddress: '192.0.2.2' })).json(), {
    code: 'link-invalid',
    detail: /another address/,
  })
  const ranged = pathOf(await get(`/t7/assets/fasta/url?file=${T7}.fa&range=0-9`))
  t.equal((await get(`${ranged}.fai`)).statusCode, 403, 'a part has no index')
  t.equal(
    (await get(`${pathOf(await get('/t7/assets/fasta/url'))}.fai`)).statusCode,
    403,
    'an archive has no index',
  )

  const open = pathOf(await get('/t7/assets/index/url'))
  t.equal((await get(open)).statusCode, 200, 'a link of nobody to open data')
  await (await state.open()).tokens.revoke('right', 'test')
  t.match((await get(link)).json(), {
    code: 'link-invalid',
    detail: /token of this link counts no more/,
  })
  const { writeFile } = await import('node:fs/promises')
  await writeFile(folder.policy, 'default: controlled')
  await depot.reload()
  t.match(
    (await get(open)).json(),
    { code: 'link-invalid', detail: /not here any more/ },
    'what was open when it was made',
  )
})

t.test('who may not see a thing gets no link to it, and questions must make sense', async t => {
  const { get } = await controlledApp(t)
  t.equal((await get(`${HIDDEN}/url`)).statusCode, 404)
  t.equal((await get(`${HIDDEN}/url`, 'other study')).statusCode, 404)
  for (const query of [
    'expires=2d',
    'expires=0s',
    'expires=soon',
    'range=5',
    'range=9-5',
    'range=0-99999999',
    'format=zip',
    'bind=me',
    'file=panel.bed&range=0-400',
  ]) {
    const answer = await get(`${HIDDEN}/url?${query}`, 'right')
    t.equal(answer.statusCode, 400, query)
  }
  for (const file of ['none', '../fasta/default', '/etc/passwd']) {
    t.equal(
      (await get(`${HIDDEN}/url?file=${encodeURIComponent(file)}`, 'right')).statusCode,
      404,
      file,
    )
  }
})

t.test('links are signed with the secret of the operator, if there is one', async t => {
  const linkSecret = 'the operator has chosen this long one'
  const { get } = await controlledApp(t, { linkSecret, linkLifetime: 60 })
  const answer = await get(`${HIDDEN}/url`, 'right')
  t.ok(Date.parse(answer.json().expires_at) - Date.now() <= 60_000)
  const [, , signed = ''] = pathOf(answer).split('/')
  t.match(readLink(Buffer.from(linkSecret), signed), { asset: PANEL, issuer: { kind: 'token' } })
  t.throws(() => readLink(Buffer.from('another secret'), signed), { code: 'link-invalid' })
})

t.test('clocks may differ a little', async t => {
  const key = createHash('sha256').update('x').digest()
  const now = Date.now()
  const grant: LinkGrant = {
    genome: T7,
    asset: 'fasta',
    tag: 'default',
    archive: '',
    form: 'tgz',
    path: '',
    madeAt: now + 30_000,
    expiresAt: now + 60_000,
    issuer: { kind: 'anonymous' },
  }
  const read = (change: object) =>
    readLink(key, linkPath(key, { ...grant, ...change }, 'x').split('/')[2] as string, now)
  t.same(read({}), grant)
  t.throws(() => read({ madeAt: now + 120_000 }), { message: /made in the future/ })
  t.throws(() => read({ expiresAt: now }), { code: 'link-expired' })
})

t.test('links are in the audit, and secret in the log', async t => {
  const { get, audit, log } = await controlledApp(t)
  const link = pathOf(await get(`${HIDDEN}/url?file=panel.bed`, 'right'))
  await get(link)
  const rows = (await audit()).map(({ actor, action, subject }) => `${actor} ${action} ${subject}`)
  const path = `${T7}/${PANEL}:${PANEL_TAG} panel.bed`
  t.ok(rows.includes(`token right link-created ${path}`))
  t.ok(rows.includes(`token right (link) read ${path}`))
  const urls = log.map(({ url }) => String(url))
  t.ok(urls.includes('/links/[redacted]/panel.bed'), `${urls}`)
  t.notOk(urls.some(url => url.includes(link.split('/')[2] as string)))
})
