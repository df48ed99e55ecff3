/** A real nginx sends the files that the server hands over to it: what arrives is what the server would have sent itself. */
import { cp, mkdir, rename, symlink, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { sizedArchives } from '../support/counting-app.ts'
import { T7 } from '../support/genome-fixtures.ts'
import {
  type Asked,
  type HandedOver,
  startHandedOver,
  wholeAnswer,
} from '../support/peers/handed-over.ts'
import { run } from '../support/peers/run.ts'
import { folderRemovedLast } from '../support/test-folder.ts'

const MB = 1024 * 1024
const ODD = 'ü%3F?#+&;x'
const SIZES = { small: 3000, big: 5 * MB, panel: 2 * MB, [ODD]: MB }
const BIG = '/t7/assets/big/archive'
const POLICY =
  'default: open\ngenomes: { t7: { assets: { panel: { access: controlled, study: PANEL-7 } } } }\n'

/** Archives of several sizes with a big build log, and a policy; nginx before the server. */
async function started(t: Test, { nginxSends = 'archives' } = {}) {
  const folder = folderRemovedLast(t, { archives: {}, other: {} })
  const archives = join(folder, 'archives')
  const { config, digests } = await sizedArchives(archives, SIZES)
  await writeFile(
    join(archives, T7, 'build_log_big__default.md'),
    'a line of the log\n'.repeat(20_000),
  )
  const policy = join(folder, 'policy.yaml')
  await writeFile(policy, POLICY)
  const flags = ['--policy', policy]
  const both = await startHandedOver(t, config, archives, {
    flags,
    nginxSends: join(folder, nginxSends),
  })
  for (const asset of Object.keys(SIZES)) await checked(both.direct, asset)
  return { ...both, digests, archives, config, folder }
}

/** Waits until the server has compared an archive: from then on it tells the digest. */
async function checked(url: string, asset: string): Promise<void> {
  const path = `${url}/t7/assets/${encodeURIComponent(asset)}/archive`
  for (let tries = 0; tries < 200; tries += 1) {
    const { status, headers } = await fetch(path, { method: 'HEAD' })
    if (status === 404 || headers.has('repr-digest')) return
    await wait(50)
  }
  throw new Error(`${asset} was not checked`)
}

/** Both answers must be equal; true when nginx has sent the file. */
async function same(t: Test, { both }: Pick<HandedOver, 'both'>, asked: Asked, name = '') {
  const { direct, through, handed } = await both(asked)
  t.same(
    through,
    direct,
    `${asked.method ?? 'GET'} ${asked.path} ${JSON.stringify(asked.headers ?? {})} ${name}`,
  )
  return { answer: through, handed }
}

const range = (bytes: string) => ({ range: `bytes=${bytes}` })

t.test('every form of request gets what the server itself answers', async t => {
  const server = await started(t)
  const etag = `"${server.digests.big}"`
  const { headers } = await wholeAnswer(server.direct, { path: BIG })
  const modified = headers.find(line => line.startsWith('last-modified: '))?.slice(15) ?? ''
  const later = new Date(Date.parse(modified) + 60_000).toUTCString()
  const forms: readonly (readonly [boolean, number, Record<string, string>])[] = [
    [true, 200, {}],
    [true, 200, { origin: 'https://example.org' }],
    [true, 200, { 'x-sendfile-type': 'X-Sendfile' }],
    [true, 206, range('0-99999')],
    [true, 206, range('100000-')],
    [true, 206, range('-200000')],
    [true, 206, range('0-99999999999')],
    [true, 206, { ...range('1000000-'), 'if-range': etag }],
    [true, 206, { ...range('1000000-'), 'if-range': modified }],
    [false, 200, { ...range('1000000-'), 'if-range': '"other"' }],
    [false, 200, { ...range('1000000-'), 'if-range': later }],
    [false, 206, range('0-9')],
    [false, 206, range('0-99999,200000-299999')],
    [false, 206, range('0-99999,50000-299999')],
    [false, 206, { range: 'bytes = 0-99999' }],
    [false, 206, { range: 'bytes=0-99999999999999999999' }],
    [false, 200, { range: 'lines=0-99999' }],
    [false, 200, range('9-0')],
    [false, 416, range('99999999-')],
    [false, 304, { 'if-none-match': etag }],
    [false, 304, { 'if-modified-since': later }],
    [false, 412, { 'if-match': '"other"' }],
    [false, 200, { 'if-none-match': '"other"' }],
    [false, 200, { 'if-match': etag }],
    [false, 206, { 'if-match': etag, ...range('1000000-') }],
    [false, 206, { 'if-unmodified-since': later, ...range('1000000-') }],
    [false, 200, { 'if-modified-since': new Date(0).toUTCString() }],
    [true, 200, { authorization: 'Bearer rdp_wrong' }],
  ]
  for (const [byNginx, status, headers] of forms) {
    const { answer, handed } = await same(t, server, { path: BIG, headers })
    t.equal(answer.status, status)
    t.equal(handed, byNginx, `${JSON.stringify(headers)} is ${byNginx ? '' : 'not '}handed over`)
    const head = await same(t, server, { path: BIG, headers, method: 'HEAD' })
    t.equal(head.handed, false)
    t.same(head.answer.headers, answer.headers, 'HEAD equals GET')
  }
})

t.test('every door to a file, and what is no file', async t => {
  const server = await started(t)
  const { url } = (await (await fetch(`${server.url}/t7/assets/big/url`)).json()) as { url: string }
  const part = await (await fetch(`${server.url}/t7/assets/big/url?range=0-99999`)).json()
  const pathOf = (link: string) => new URL(link).pathname
  const doors: readonly (readonly [boolean, string])[] = [
    [true, `/v3/assets/archive/${T7}/big`],
    [true, `/assets/archive/${T7}/big`],
    [true, '/v2/asset/t7/big/archive'],
    [true, '/v1/asset/t7/big/archive'],
    [true, `/archives/${server.digests.big}`],
    [true, pathOf(url)],
    [false, pathOf((part as { url: string }).url)],
    [true, `/t7/assets/${encodeURIComponent(ODD)}/archive`],
    [true, '/t7/assets/big/log'],
    [false, '/t7/assets/small/archive'],
    [false, '/t7/assets/nope/archive'],
    [false, '/_refdepot/genome_config.yaml'],
    [false, `/_refdepot/${T7}/big__default.tgz`],
  ]
  for (const [byNginx, path] of doors) {
    if (path.startsWith('/_refdepot')) {
      const { status, bytes } = await wholeAnswer(server.url, { path })
      t.equal(status, 404, 'the files themselves are there for nobody')
      t.ok(bytes < 1000)
      continue
    }
    const { handed, answer } = await same(t, server, { path })
    t.equal(handed, byNginx, path)
    if (byNginx) t.ok(answer.bytes >= 300_000, path)
  }
})

t.test('what is controlled stays hidden, and comes from nginx for those who may', async t => {
  const server = await started(t)
  const path = '/t7/assets/panel/archive'
  const token = await server.token('alice', 'PANEL-7.READ')
  const other = await server.token('bob', 'OTHER.READ')
  const asAlice = { authorization: `Bearer ${token}` }
  for (const headers of [{}, { authorization: `Bearer ${other}` }, range('0-99999')]) {
    const { answer, handed } = await same(t, server, { path, headers })
    t.equal(answer.status, 404)
    t.equal(handed, false)
  }
  for (const headers of [asAlice, { ...asAlice, ...range('500000-') }]) {
    const { answer, handed } = await same(t, server, { path, headers })
    t.equal(handed, true)
    t.ok(answer.headers.includes('cache-control: private, no-cache, no-transform'))
    t.ok(answer.headers.includes('vary: Authorization, Cookie'))
  }
  const asked = await fetch(`${server.url}/t7/assets/panel/url`, { headers: asAlice })
  const link = new URL(((await asked.json()) as { url: string }).url).pathname
  t.equal((await same(t, server, { path: link })).handed, true)
  const broken = link.replace(/links\/...../, 'links/AAAAA')
  const refused = await same(t, server, { path: broken })
  t.equal(refused.handed, false)
  t.ok((refused.answer.status ?? 0) >= 400)
  // Rows are written a moment later, together.
  let noted = false
  for (let tries = 0; tries < 50 && !noted; tries += 1) {
    const audit = await readAudit(server.config)
    noted = audit.some(line => line.includes('token alice') && line.includes('read'))
  }
  t.ok(noted, 'it is in the audit')
})

async function readAudit(config: string): Promise<string[]> {
  const shown = await run(process.execPath, ['dist/cli/main.js', 'audit', '-c', config])
  return shown.stdout.split('\n')
}

t.test(
  'whoever asks without a proxy gets the bytes, or an error, and no empty success',
  async t => {
    const server = await started(t)
    const headers = { 'x-sendfile-type': 'X-Accel-Redirect' }
    const posing = await wholeAnswer(server.direct, { path: BIG, headers })
    t.equal(posing.status, 421, 'a trusted address that is no nginx')
    const untrusted = await startHandedOver(t, server.config, server.archives, {
      flags: ['--trust-proxy', '10.9.8.7'],
    })
    for (const asked of [{ path: BIG }, { path: BIG, headers }]) {
      const answer = await wholeAnswer(untrusted.direct, asked)
      t.equal(answer.bytes, SIZES.big)
      t.notOk(
        answer.headers.some(line => /accel|refdepot/.test(line)),
        'nothing of the inside',
      )
    }
    const { handed, answer } = await untrusted
      .both({ path: BIG })
      .then(both => ({ handed: both.handed, answer: both.through }))
    t.equal(handed, false, 'a proxy that is not trusted gets bytes')
    t.equal(answer.bytes, SIZES.big)
  },
)

t.test(
  'links within the folder are resolved; what lies elsewhere is sent by the server',
  async t => {
    const folder = folderRemovedLast(t, { elsewhere: {} })
    const real = join(folder, 'real folder')
    const archives = join(folder, 'archives')
    const elsewhere = join(folder, 'elsewhere')
    const { config } = await sizedArchives(real, { inside: MB, outside: MB, plain: MB, moved: MB })
    const at = (name: string) => join(real, T7, `${name}__default.tgz`)
    await mkdir(join(real, 'more files'))
    await rename(at('inside'), join(real, 'more files', 'a b%20 #é.tgz'))
    await symlink('../more files/a b%20 #é.tgz', at('inside'))
    await rename(at('outside'), join(elsewhere, 'outside.tgz'))
    await symlink(join(elsewhere, 'outside.tgz'), at('outside'))
    await symlink(real, archives)
    const server = await startHandedOver(t, join(archives, 'genome_config.yaml'), archives, {
      flags: ['--allow-root', elsewhere],
    })
    t.ok(config.startsWith(real))
    for (const asset of ['inside', 'outside', 'plain', 'moved']) await checked(server.direct, asset)
    for (const [asset, byNginx] of [
      ['plain', true],
      ['inside', true],
      ['outside', false],
    ] as const) {
      const { handed, answer } = await same(t, server, { path: `/t7/assets/${asset}/archive` })
      t.equal(handed, byNginx, asset)
      t.equal(answer.bytes, MB)
    }
    // What becomes a link under the running server is seen at once.
    await rename(at('moved'), join(elsewhere, 'moved.tgz'))
    await symlink(join(elsewhere, 'moved.tgz'), at('moved'))
    t.equal((await same(t, server, { path: '/t7/assets/moved/archive' })).handed, false)
  },
)

t.test(
  'a file that is another one for nginx never passes for the one that was asked for',
  async t => {
    const server = await started(t, { nginxSends: 'other' })
    const nginxSends = join(server.folder, 'other')
    const etag = `"${server.digests.big}"`
    const get = (headers = {}) => wholeAnswer(server.url, { path: BIG, headers })
    const missing = await get()
    t.equal(missing.status, 503, 'what nginx cannot read is no asset that is not there')
    t.notOk(missing.headers.some(line => line.startsWith('etag')))
    await cp(server.archives, nginxSends, { recursive: true })
    const copy = join(nginxSends, T7, 'big__default.tgz')
    await writeFile(copy, Buffer.alloc(SIZES.big, 'another'))
    await utimes(copy, 1, 1)
    for (const headers of [{}, range('100000-')]) {
      const answer = await get(headers)
      t.notOk(
        answer.headers.some(line => line.includes(etag)),
        'not under our ETag',
      )
      t.notOk(
        answer.headers.some(line => line.startsWith('repr-digest')),
        'nor under our digest',
      )
    }
    t.equal((await get({ ...range('100000-'), 'if-range': etag })).status, 200, 'nothing is mixed')
  },
)
