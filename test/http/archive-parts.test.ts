/** Digests of the parts of archives over HTTP: as JSON, as Metalink 4, and where the archive says that they are. */
import { createHash, randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import t, { type Test } from 'tap'
import { openTarget } from '../../src/archive/archive-target.ts'
import { createArchives } from '../../src/archive/create-archives.ts'
import { withdrawTag } from '../../src/archive/withdrawal-record.ts'
import { readRawConfig } from '../../src/config/raw-config.ts'
import { formatGenomeConfig } from '../../src/config/write-genome-config.ts'
import type { AppSettings } from '../../src/http/app-settings.ts'
import type { PartList } from '../../src/http/archive-parts.ts'
import { T7 } from '../support/genome-fixtures.ts'
import { genomeFolder, USUAL } from '../support/genome-folder.ts'
import { startApp } from '../support/start-app.ts'

const MB = 1024 * 1024
const PART = 4 * MB
const METALINK = 'application/metalink4+xml'
const digest = (algorithm: string, bytes: Buffer) =>
  createHash(algorithm).update(bytes).digest('hex')

/** A server over archives of ours: one of them has three parts. */
async function served(t: Test, settings: Partial<AppSettings> = {}) {
  const big = { files: { 'a.bin': randomBytes(9 * MB) } }
  const made = await genomeFolder(t, { ...USUAL, 'big:default': big })
  await createArchives(await openTarget(made.config), { registryPaths: [] })
  const source = { config: made.serverConfig, archiveFolder: made.archiveFolder }
  const started = await startApp(t, source, settings)
  const get = (url: string, headers = {}) => started.app.inject({ url, headers })
  const archive = (await get('/t7/assets/big/archive')).rawPayload
  return { ...started, made, get, archive, md5: digest('md5', archive) }
}

t.test('every part of an archive has its digest', async t => {
  const { get, archive, md5, depot, app } = await served(t)
  const answer = await get(`/archives/${md5}/parts`)
  t.equal(answer.statusCode, 200)
  t.match(answer.headers, {
    'content-type': 'application/json',
    'cache-control': 'public, max-age=31536000, immutable',
    etag: /^"[\w-]+"$/,
  })
  const list = answer.json() as PartList
  const sha256 = digest('sha256', archive)
  t.match(list, { md5, sha256, size: archive.length, part_size: PART })
  t.equal(list.parts.length, 3)
  let at = 0
  for (const [i, part] of list.parts.entries()) {
    const bytes = archive.subarray(part.offset, part.offset + part.size)
    t.match(part, { number: i + 1, offset: at, sha256: digest('sha256', bytes) })
    at += part.size
  }
  t.equal(at, archive.length, 'nothing is left out')
  const head = await app.inject({ method: 'HEAD', url: `/archives/${md5}/parts` })
  t.same({ ...head.headers, date: '' }, { ...answer.headers, date: '' })
  t.equal(head.rawPayload.length, 0)
  const { etag } = answer.headers
  t.equal((await get(`/archives/${md5}/parts`, { 'if-none-match': etag })).statusCode, 304)
  const named = await get('/t7/assets/big/parts')
  t.equal(named.body, answer.body)
  t.equal(named.headers['cache-control'], 'public, no-cache', 'a name may mean other bytes one day')
  t.equal((await get(`/archives/${sha256}/parts`)).statusCode, 503, 'not looked at yet')
  await depot.check()
  t.equal((await get(`/archives/${sha256}/parts`)).body, answer.body)
  t.equal((await get(`/archives/${md5.toUpperCase()}/parts`)).body, answer.body)
})

t.test('a metalink names the pieces, the digests and the address of an archive', async t => {
  const { get, archive, md5 } = await served(t)
  const answer = await get(`/archives/${md5}.meta4`, { host: 'depot.example' })
  t.match(answer, { statusCode: 200, headers: { 'content-type': METALINK } })
  t.match(answer.headers['content-disposition'], /filename="big__default\.tgz\.meta4"/)
  const xml = answer.body
  t.match(xml, '<file name="big__default.tgz">')
  t.match(xml, `<identity>${T7}/big:default</identity>`)
  t.match(xml, `<size>${archive.length}</size>`)
  t.match(xml, `<hash type="sha-256">${digest('sha256', archive)}</hash>`)
  t.match(xml, `<hash type="md5">${md5}</hash>`)
  t.match(xml, `<pieces type="sha-256" length="${PART}">`)
  const pieces = [...xml.matchAll(/ <hash>([0-9a-f]{64})<\/hash>/g)].map(([, hash]) => hash)
  const { parts } = (await get(`/archives/${md5}/parts`)).json() as PartList
  t.same(
    pieces,
    parts.map(part => part.sha256),
  )
  t.match(xml, `<url priority="1">http://depot.example/archives/${md5}</url>`)
  t.equal(
    (await get('/t7/assets/big/archive.meta4', { host: 'depot.example' })).body,
    xml,
    'the same by name',
  )
  t.match((await get(`/archives/${md5}.meta4`)).body, 'http://localhost:80/archives/')
})

t.test('archives say where their parts are described', async t => {
  const { get, md5, app } = await served(t)
  const link = `</archives/${md5}.meta4>; rel="describedby"; type="${METALINK}", </archives/${md5}/parts>; rel="describedby"; type="application/json"`
  for (const url of [
    '/t7/assets/big/archive',
    `/archives/${md5}`,
    `/v3/assets/archive/${T7}/big`,
    `/assets/archive/${T7}/big`,
  ]) {
    t.equal((await get(url)).headers.link, link, url)
    t.equal((await app.inject({ method: 'HEAD', url })).headers.link, link)
    t.equal((await get(url, { range: 'bytes=0-9' })).headers.link, link)
  }
  for (const url of [
    '/t7/assets/big/archive?format=tar',
    '/v2/asset/t7/big/archive',
    '/t7/assets/big/log',
    '/t7/assets/nothing/archive',
  ]) {
    t.equal((await get(url)).headers.link, undefined, url)
  }
  // What is given again past the framework has the same head.
  const listening = await app.listen({ port: 0, host: '127.0.0.1' })
  const small = `${listening}/v3/assets/archive/${T7}/fasta`
  const heads = []
  for (let i = 0; i < 3; i += 1) {
    const response = await fetch(small)
    await response.arrayBuffer()
    heads.push(response.headers.get('link'))
  }
  t.match(heads[0], /^<\/archives\/[0-9a-f]{32}\.meta4>/)
  t.same(heads, Array(3).fill(heads[0]))
})

t.test('links lead to where the server is reached', async t => {
  const below = await served(t, { basePath: '/depot' })
  t.match((await below.get('/t7/assets/big/archive')).headers.link, /^<\/depot\/archives\//)
})

t.test('links lead to where the server is reached: with a public URL', async t => {
  const { get, md5 } = await served(t, { publicUrl: 'https://depot.example/x/' })
  const { link } = (await get('/t7/assets/big/archive')).headers
  t.match(link, `<https://depot.example/x/archives/${md5}.meta4>`)
  t.match(
    (await get(`/archives/${md5}.meta4`)).body,
    `>https://depot.example/x/archives/${md5}</url>`,
  )
})

t.test('archives of other tools have a metalink without pieces, and no parts', async t => {
  const { app, depot } = await startApp(t)
  const { md5, bytes } = (await app.inject('/t7/assets/fasta')).json().archive
  for (const url of [`/archives/${md5}/parts`, '/t7/assets/fasta/parts']) {
    const answer = await app.inject(url)
    t.equal(answer.statusCode, 404)
    t.match(answer.json(), { code: 'unknown-parts', detail: /no member index.*archive import/ })
  }
  const url = `/archives/${md5}.meta4`
  const before = (await app.inject(url)).body
  t.match(before, `<hash type="md5">${md5}</hash>`)
  t.notMatch(before, 'sha-256')
  await depot.check()
  const after = (await app.inject(url)).body
  t.match(after, /<hash type="sha-256">[0-9a-f]{64}<\/hash>/)
  t.match(after, `<size>${bytes}</size>`)
  t.notMatch(after, 'pieces')
  const { link } = (await app.inject('/t7/assets/fasta/archive')).headers
  t.equal(link, `</archives/${md5}.meta4>; rel="describedby"; type="${METALINK}"`)
})

t.test('digests of other forms, of nothing, and of what is withdrawn', async t => {
  const { get, depot, made, md5 } = await served(t)
  await depot.check()
  const { archive_digest: legacy } = (await get('/v2/asset/t7/bwa_index')).json()
  t.equal((await get(`/archives/${legacy}`)).statusCode, 200)
  for (const below of ['/parts', '.meta4']) {
    t.match((await get(`/archives/${legacy}${below}`)).json(), {
      status: 404,
      code: 'unknown-parts',
      detail: /made while it is sent/,
    })
    for (const digest of ['0'.repeat(32), '0'.repeat(64), 'x']) {
      t.match((await get(`/archives/${digest}${below}`)).json(), { code: 'unknown-archive' })
    }
    t.match((await get(`/t7/assets/nope${below.replace('.', '/archive.')}`)).json(), {
      code: 'unknown-asset',
    })
  }
  const raw = await readRawConfig(made.serverConfig)
  const name = { genome: T7, asset: 'big', tag: 'default' }
  withdrawTag(raw, name, { reason: 'wrong', at: '2026-01-01T00:00:00.000Z' })
  await writeFile(made.serverConfig, formatGenomeConfig(raw))
  await depot.reload()
  for (const url of [`/archives/${md5}/parts`, `/archives/${md5}.meta4`, '/t7/assets/big/parts']) {
    t.match((await get(url)).json(), { status: 410, code: 'withdrawn', reason: 'wrong' }, url)
  }
})
