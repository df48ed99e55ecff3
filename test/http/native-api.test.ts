import { createHash } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { EXAMPLE, exampleCopy, T7_FASTA } from '../support/example-folder.ts'
import { LAMBDA, T7 } from '../support/genome-fixtures.ts'
import { startApp } from '../support/start-app.ts'

const BROWSER = { accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8' }
const fasta = await readFile(join(EXAMPLE, T7_FASTA))
const digest = (name: string) => createHash(name).update(fasta).digest('hex')

t.test('native URLs are pages for browsers and JSON for everybody else', async t => {
  const { app } = await startApp(t)
  for (const url of [
    '/genomes',
    '/genomes/t7',
    '/assets',
    '/t7/assets',
    '/t7/assets/',
    '/t7/assets/fasta',
    '/nope/assets',
    '/nowhere',
  ]) {
    const forms = []
    for (const [accept, type] of [
      [BROWSER.accept, 'text/html; charset=utf-8'],
      ['*/*', /json$/],
      ['application/json', /json$/],
      ['image/png', /json$/],
      ['text/html;q=0.1, */*', /json$/],
    ] as const) {
      const answer = await app.inject({ url, headers: { accept } })
      t.match(answer.headers, { 'content-type': type, vary: /Accept/ }, `${url} ${accept}`)
      forms.push(answer.headers.etag)
    }
    t.not(forms[0], forms[1], 'each form has a tag of its own')
    t.equal(forms[1], forms[2])
  }
})

t.test('genomes and assets are described with bytes, dates and links', async t => {
  const { app, depot } = await startApp(t)
  await depot.check()
  t.match((await app.inject('/genomes')).json(), [
    { digest: T7, aliases: ['t7'], asset_count: 3, archive_count: 4 },
    { digest: LAMBDA },
  ])
  t.match((await app.inject(`/genomes/${T7}`)).json(), {
    assets_url: 'http://localhost:80/t7/assets',
  })
  t.match((await app.inject('/t7/assets/fasta:v2')).json(), { tag: 'v2', is_default: false })
  t.match((await app.inject(`/${T7}/assets/fasta?tag=default`)).json(), {
    registry_path: `${T7}/fasta:default`,
    is_default: true,
    asset_bytes: Number,
    archive: {
      md5: digest('md5'),
      sha256: digest('sha256'),
      bytes: fasta.length,
      modified: /^\d{4}-\d\d-\d\dT[\d:.]+Z$/,
      url: 'http://localhost:80/t7/assets/fasta/archive',
    },
    seek_keys: { fasta: `${T7}.fa` },
  })
  t.equal((await app.inject('/t7/assets')).json().length, 4)
})

t.test('assets are searched and paged in a fixed order', async t => {
  const { app } = await startApp(t)
  const find = async (query: string) => (await app.inject(`/assets?${query}`)).json()
  const all = await find('')
  t.match(all, { total: 7, offset: 0, limit: 100 })
  t.match(await find('q=phage+T7&limit=2&offset=1'), {
    total: 4,
    items: [{ asset: 'bwa_index' }, { asset: 'fasta', tag: 'default' }],
  })
  t.match(await find('genome=lambda&asset=fasta'), { total: 1 })
  for (const query of ['limit=0', 'limit=1001', 'offset=-1', 'limit=x']) {
    const answer = await app.inject(`/assets?${query}`)
    t.equal(answer.statusCode, 400, query)
    t.match(answer.json(), { code: 'invalid-request', detail: /limit|offset/ })
  }
  const page = await app.inject({ url: '/assets?limit=2&offset=1&q=phage', headers: BROWSER })
  t.match(page.body, /offset&#61;3/)
  t.match(page.body, /rel="prev"/)
  t.match(
    (await app.inject({ url: '/assets?q=nothing', headers: BROWSER })).body,
    /Nothing matches/,
  )
})

t.test('everything below an asset is served', async t => {
  const { folder, config } = await exampleCopy(t)
  const { app, depot } = await startApp(t, { config, archiveFolder: folder })
  const get = (below: string, headers = {}) =>
    app.inject({ url: `/t7/assets/fasta/${below}`, headers })
  t.same((await get('archive')).rawPayload, fasta)
  t.match((await get('recipe')).json(), { command_list: Array })
  t.match((await get('log')).headers, { 'content-disposition': /build_log_fasta__default\.md/ })
  t.ok((await get('contents')).json().includes(`${T7}.fa`))
  t.match((await get('digest')).json(), {
    archive: { md5: digest('md5'), sha256: null, verified: false },
  })
  const pending = await get('checksums')
  t.equal(pending.statusCode, 503)
  t.match(pending.json(), { code: 'digest-pending' })
  t.equal(pending.headers['retry-after'], '10')
  await depot.check()
  t.match((await get('digest')).json(), { archive: { sha256: digest('sha256'), verified: true } })
  t.equal((await get('checksums')).body, `${digest('sha256')}  fasta__default.tgz\n`)
  t.equal((await get('checksums?algorithm=md5')).body, `${digest('md5')}  fasta__default.tgz\n`)
  t.equal((await get('checksums?algorithm=crc')).statusCode, 400)
  t.same((await get('files')).json(), [
    { path: `${T7}.fa`, size: 15 },
    { path: 'sub dir/é.txt', size: 8 },
  ])
  t.same((await get('files/')).json().length, 2)
  t.equal((await get('files/sub%20dir/%C3%A9.txt')).body, 'odd name')
  t.equal((await get(`files/${T7}.fa`, { range: 'bytes=1-8' })).body, 'V01146.1')
  t.match((await get('archive')).headers['repr-digest'], /^sha-256=:/)
})

t.test('what does not exist is a problem with a stable code', async t => {
  const { app, depot } = await startApp(t)
  // Before the check an unknown digest may still turn up.
  await depot.check()
  for (const [url, status, code, detail] of [
    ['/nope/assets', 404, 'unknown-genome', /no genome 'nope'/],
    ['/genomes/nope', 404, 'unknown-genome', /no genome 'nope'/],
    ['/v3/assets/nope/x/y', 404, undefined, 'Not Found'],
    ['/docs/assets', 404, 'unknown-genome', 'Not Found'],
    ['/t7/assets/nope', 404, 'unknown-asset', /it has bowtie2_index, bwa_index, fasta/],
    ['/t7/assets/fasta:v9', 404, 'unknown-tag', /it has default, v2/],
    [
      '/t7/assets/fasta:v2?tag=default',
      400,
      'invalid-parameter',
      /path names tag 'v2', the query tag 'default'/,
    ],
    ['/t7/assets/fasta/files/nope', 404, 'unknown-file', /has no file 'nope'/],
    ['/t7/assets/fasta/files/..%2F..%2Fgenome_config.yaml', 404, 'unknown-file', /has no file/],
    ['/archives/abc', 404, 'unknown-archive', /no archive with the digest 'abc'/],
    [`/archives/${'0'.repeat(64)}`, 404, 'unknown-archive', /no archive/],
    ['/nowhere', 404, 'not-found', 'Not Found'],
    ['/t7/assets/fasta/nowhere', 404, 'not-found', 'Not Found'],
  ] as const) {
    const answer = await app.inject(url)
    t.equal(answer.statusCode, status, url)
    t.match(answer.json(), code === undefined ? { detail } : { code, detail, status }, url)
  }
  const post = await app.inject({ method: 'POST', url: '/genomes' })
  t.match(post.json(), { status: 405, code: 'method-not-allowed' })
  const bad = await app.inject('/t7/assets/%zz')
  t.equal(bad.statusCode, 400)
})

t.test('an archive by its digest may be kept for ever once it was checked', async t => {
  const { app, depot } = await startApp(
    t,
    await (async () => {
      const { folder, config } = await exampleCopy(t)
      return { config, archiveFolder: folder }
    })(),
  )
  const url = `/archives/${digest('md5')}`
  t.match((await app.inject(url)).headers, { 'cache-control': 'public, no-cache, no-transform' })
  await depot.check()
  const answer = await app.inject(`/archives/${digest('sha256')}`)
  t.same(answer.rawPayload, fasta)
  t.match(answer.headers, { 'cache-control': 'public, max-age=31536000, immutable, no-transform' })
  const legacyMd5 = depot.current.catalogue.entry('t7', 'fasta')?.tag.legacyArchiveDigest
  t.equal((await app.inject(`/archives/${legacyMd5}`)).statusCode, 200)
})

t.test('HEAD is GET without a body, everywhere', async t => {
  const { app } = await startApp(t)
  for (const url of [
    '/genomes',
    '/t7/assets/fasta/archive',
    '/v3/genomes/list',
    `/v3/assets/archive/${T7}/bwa_index`,
    '/healthz',
    '/openapi.json',
    '/nowhere',
    '/',
  ]) {
    const get = await app.inject(url)
    const head = await app.inject({ method: 'HEAD', url })
    t.equal(head.statusCode, get.statusCode, url)
    t.equal(head.body, '')
    for (const name of ['content-length', 'content-type', 'etag'])
      t.equal(head.headers[name], get.headers[name], `${url} ${name}`)
  }
})

t.test('ranges and conditions work over HTTP', async t => {
  const { app } = await startApp(t)
  const get = (headers: Record<string, string>) =>
    app.inject({ url: '/t7/assets/fasta/archive', headers })
  t.same((await get({ range: 'bytes=10-19' })).rawPayload, fasta.subarray(10, 20))
  t.equal((await get({ range: 'bytes=99999999-' })).statusCode, 416)
  t.equal((await get({ 'if-none-match': `"${digest('md5')}"` })).statusCode, 304)
  t.equal((await get({ 'if-match': '"x"' })).statusCode, 412)
  const parts = await get({ range: 'bytes=0-1,5-8' })
  t.equal(parts.statusCode, 206)
  t.equal(parts.rawPayload.length, Number(parts.headers['content-length']))
  t.ok(parts.rawPayload.includes(fasta.subarray(5, 9)))
})

t.test('absolute URLs follow public URL, base path and trusted proxies', async t => {
  const path = `/v3/assets/file_path/${T7}/fasta/fasta`
  const file = `/${T7}/assets/fasta/files/${T7}.fa?tag=default`
  const forwarded = { 'x-forwarded-proto': 'https', 'x-forwarded-host': 'refs.example.org' }
  const body = async (settings: object, url = path) => {
    const { app } = await startApp(t, {}, settings)
    return (await app.inject({ url, headers: forwarded })).body
  }
  t.equal(await body({}), `http://localhost:80${file}`, 'an unknown proxy is not believed')
  t.equal(await body({ trustProxy: ['127.0.0.1'] }), `https://refs.example.org${file}`)
  t.equal(await body({ publicUrl: 'https://x.org/refs/' }), `https://x.org/refs${file}`)
  t.equal(await body({ basePath: '/refs' }, `/refs${path}`), `http://localhost:80/refs${file}`)
  t.equal(
    await body({ basePath: '/refs' }),
    `http://localhost:80/refs${file}`,
    'a proxy may have cut the path',
  )
  const { app } = await startApp(t, {}, { basePath: '/refs' })
  t.match((await app.inject('/refs')).body, /href="\/refs\/genomes"/)
  t.equal((await app.inject('/refs?x=1')).statusCode, 200)
  t.equal((await app.inject('/refsandmore/assets')).statusCode, 404)
})

t.test('a genome with a reserved name is reached by its digest', async t => {
  const { folder, config } = await exampleCopy(t)
  await writeFile(config, (await readFile(config, 'utf8')).replace('- t7\n', '- docs\n'))
  const { app } = await startApp(t, { config, archiveFolder: folder })
  t.equal((await app.inject('/docs/assets')).statusCode, 404)
  t.equal((await app.inject(`/${T7}/assets`)).statusCode, 200)
  t.match((await app.inject(`/genomes/${T7}`)).json(), {
    assets_url: `http://localhost:80/${T7}/assets`,
  })
})

t.test('an empty depot says what to do', async t => {
  const folder = t.testdir({ 'c.yaml': 'genomes: {}\n' })
  const { app } = await startApp(t, { config: join(folder, 'c.yaml'), archiveFolder: folder })
  t.match((await app.inject('/readyz')).json(), {
    message: /nothing archived yet: run `refdepot archive create -c …`/,
  })
  t.match((await app.inject('/')).body, /nothing archived yet/)
  for (const [url, value] of [
    ['/v3/genomes/list', []],
    ['/v3/assets/list', {}],
    ['/v2/assets', {}],
    ['/_private_api/genomes/dict', {}],
    ['/genomes', []],
  ] as const) {
    t.same((await app.inject(url)).json(), value, url)
  }
})

t.test('markup in a config is text on the pages', async t => {
  const { folder, config } = await exampleCopy(t)
  const text = await readFile(config, 'utf8')
  await writeFile(
    config,
    text.replace('Bacteriophage T7 complete genome', '<script>alert(1)</script>'),
  )
  const { app } = await startApp(t, { config, archiveFolder: folder })
  for (const url of ['/', '/genomes/t7', '/assets?q=%3Cscript%3E']) {
    t.notMatch((await app.inject({ url, headers: BROWSER })).body, /<script>/, url)
  }
})
