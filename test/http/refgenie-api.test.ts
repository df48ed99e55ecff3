import { createHash } from 'node:crypto'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { EXAMPLE, exampleCopy, T7_FASTA } from '../support/example-folder.ts'
import { LAMBDA, T7 } from '../support/genome-fixtures.ts'
import { startApp } from '../support/start-app.ts'

const fasta = await readFile(join(EXAMPLE, T7_FASTA))
const legacy = await readFile(join(EXAMPLE, 't7/fasta__default.tgz'))
const md5 = (bytes: Buffer) => createHash('md5').update(bytes).digest('hex')

t.test('API v3 answers at the root and under /v3', async t => {
  const { app } = await startApp(t)
  const json: [string, unknown][] = [
    ['/remotes/dict', {}],
    ['/genomes/list', [T7, LAMBDA]],
    ['/genomes/alias_dict', { [T7]: ['t7'], [LAMBDA]: ['lambda'] }],
    [`/genomes/attrs/${T7}`, { genome_description: 'Bacteriophage T7 complete genome' }],
    ['/genomes/by_asset/fasta', ['lambda', 't7']],
    ['/genomes/by_asset/nope', []],
    [`/genomes/aliases/${T7}`, ['t7']],
    [
      '/assets/list',
      {
        [T7]: ['bowtie2_index', 'bwa_index', 'fasta'],
        [LAMBDA]: ['bowtie2_index', 'bwa_index', 'fasta'],
      },
    ],
  ]
  const texts: [string, string | RegExp][] = [
    ['/genomes/genome_digest/t7', T7],
    [`/assets/default_tag/${T7}/fasta`, 'default'],
    [`/assets/default_tag/${T7}/nope`, 'default'],
    [`/assets/archive_digest/${T7}/fasta`, md5(fasta)],
    [`/assets/asset_digest/${T7}/fasta?tag=v2`, /^[0-9a-f]{32}$/],
    [
      `/assets/file_path/${T7}/fasta/fasta`,
      `http://localhost:80/${T7}/assets/fasta/files/${T7}.fa?tag=default`,
    ],
    [
      `/assets/file_path/${T7}/fasta/dir?tag=v2`,
      `http://localhost:80/${T7}/assets/fasta/files/?tag=v2`,
    ],
  ]
  for (const mount of ['', '/v3', '//v3']) {
    for (const [path, value] of json) {
      const answer = await app.inject(mount + path)
      t.equal(answer.headers['content-type'], 'application/json', path)
      t.same(answer.json(), value, path)
    }
    for (const [path, value] of texts) {
      const answer = await app.inject(mount + path)
      t.equal(answer.headers['content-type'], 'text/plain; charset=utf-8')
      t.match(answer.body, value, path)
    }
  }
})

t.test('attributes of a tag have eight keys in the order of the peer', async t => {
  const { app } = await startApp(t)
  const answer = await app.inject(`/v3/assets/attrs/${T7}/fasta`)
  t.same(Object.keys(answer.json()), [
    'asset_path',
    'asset_digest',
    'archive_digest',
    'asset_size',
    'archive_size',
    'seek_keys',
    'asset_parents',
    'asset_children',
  ])
})

t.test('archives, logs, recipes and contents are sent as the peer sends them', async t => {
  const { app } = await startApp(t)
  const archive = await app.inject(`/v3/assets/archive/${T7}/fasta`)
  t.same(archive.rawPayload, fasta)
  t.match(archive.headers, {
    'content-type': 'application/octet-stream',
    'content-disposition': 'attachment; filename="fasta__default.tgz"',
    'content-length': String(fasta.length),
    etag: `"${md5(fasta)}"`,
  })
  const old = await app.inject('/v2/asset/t7/fasta/archive')
  t.same(old.rawPayload, legacy)
  t.same((await app.inject(`/v1/asset/${T7}/fasta/archive?tag=default`)).rawPayload, legacy)
  const log = await app.inject(`/v3/assets/log/${T7}/fasta`)
  t.match(log.headers, {
    'content-disposition': 'attachment; filename="build_log_fasta__default.md"',
  })
  t.match((await app.inject(`/v3/assets/recipe/${T7}/fasta`)).json(), { command_list: Array })
  t.ok((await app.inject(`/v3/assets/dir_contents/${T7}/fasta`)).json().includes(`${T7}.fa`))
  t.match((await app.inject('/v2/asset/t7/fasta/recipe')).json(), { command_list: Array })
  t.equal((await app.inject('/v2/asset/t7/fasta/log')).statusCode, 200)
})

t.test('API v2 and v1 answer with the alias', async t => {
  const { app } = await startApp(t)
  const attrs = (await app.inject('/v2/asset/t7/fasta')).json()
  t.match(attrs, {
    archive_digest: md5(legacy),
    seek_keys: { fasta: 't7.fa' },
    asset_path: 'fasta',
  })
  t.notOk('legacy_archive_digest' in attrs)
  t.match((await app.inject(`/v2/asset/${T7}/fasta`)).json(), { seek_keys: { fasta: 't7.fa' } })
  t.match((await app.inject('/v1/asset/t7/fasta')).json(), {
    path: 'fasta',
    seek_keys: { fasta: 't7.fa' },
  })
  for (const [path, value] of [
    ['/v2/genomes', ['lambda', 't7']],
    ['/v1/genomes', ['lambda', 't7']],
    ['/v2/genomes/fasta', ['lambda', 't7']],
    ['/v2/genome/t7', { genome_description: 'Bacteriophage T7 complete genome' }],
    ['/v2/genome/t7/genome_digest', T7],
    [`/v2/genome/${T7}/genome_digest`, T7],
    ['/v2/asset/t7/fasta/default_tag', 'default'],
    ['/v2/asset/t7/fasta/default/archive_digest', md5(fasta)],
  ] as const) {
    t.same((await app.inject(path)).json(), value, path)
  }
  t.match((await app.inject('/v2/asset/t7/fasta/default/asset_digest')).json(), /^[0-9a-f]{32}$/)
  t.ok((await app.inject('/v2/assets')).json().t7.includes('fasta.fai:v2'))
  t.match((await app.inject('/_private_api/genomes/dict')).json(), {
    [T7]: {
      aliases: ['t7'],
      assets: { fasta: { default_tag: 'default', tags: { v2: { asset_path: 'fasta' } } } },
    },
  })
})

t.test('what is not there is told in the words of the peer', async t => {
  const { app } = await startApp(t)
  const N = '0'.repeat(48)
  for (const [path, detail] of [
    [`/v3/assets/archive/${N}/fasta`, 'No such asset (fasta) on server'],
    [`/v3/assets/archive/${T7}/fasta?tag=v9`, 'No such asset (fasta) on server'],
    [`/v3/assets/log/${T7}/nope`, `No such asset (${T7}/nope:default) on server`],
    [`/v3/assets/recipe/${T7}/nope`, 'No such asset (nope) on server'],
    [`/v3/assets/dir_contents/${T7}/nope`, 'No such asset (nope) on server'],
    [
      `/v3/assets/attrs/${T7}/fasta?tag=x`,
      `No such genome/asset:tag combination (${T7}/fasta:x) on server`,
    ],
    [
      `/v3/assets/asset_digest/${N}/fasta`,
      `No such genome/asset:tag combination (${N}/fasta:default) on server`,
    ],
    [`/v3/assets/file_path/${N}/fasta/fasta`, `No such asset (${N}/fasta:default) on server`],
    [
      `/v3/assets/file_path/${T7}/fasta/nope`,
      `No such seek_key (${T7}/fasta.nope:default) on server`,
    ],
    [
      `/v3/assets/file_path/${T7}/fasta/constructor`,
      `No such seek_key (${T7}/fasta.constructor:default) on server`,
    ],
    [`/v3/genomes/attrs/${N}`, `No such genome (${N}) on server`],
    [`/v3/genomes/aliases/${N}`, `No such genome (${N}) on server`],
    ['/v3/genomes/genome_digest/nope', 'No such alias (nope) on server'],
    [`/v3/genomes/splash/${N}`, `No such genome (${N}) on server`],
    [`/v3/assets/splash/${T7}/nope`, 'No such asset (nope) on server'],
    ['/v2/asset/nope/fasta/archive', 'No such asset (fasta) on server'],
    ['/v2/asset/nope/fasta/log', 'No such asset (fasta) on server'],
    ['/v2/asset/t7/fasta?tag=v9', 'No such genome/asset:tag combination (t7/fasta:v9) on server'],
    ['/v2/genome/nope/genome_digest', 'No such genome (nope) on server'],
    ['/v2/genome/nope', 'No such genome (nope) on server'],
    ['/v1/asset/nope/fasta', 'No such genome, asset or tag on server'],
    ['/v3/nowhere', 'Not Found'],
    ['/genomes/attrs', 'Not Found'],
    [`/v3/assets/archive/${T7}/fa%2Fsta`, 'Not Found'],
    ['/v3/assets/archive/x', 'Not Found'],
  ] as const) {
    const answer = await app.inject(path)
    t.equal(answer.statusCode, 404, path)
    t.same(answer.json(), { detail }, path)
  }
})

t.test('parameters are checked in the words of the peer', async t => {
  const { app } = await startApp(t)
  const items = async (path: string) => {
    const answer = await app.inject(path)
    t.equal(answer.statusCode, 422, path)
    return answer.json().detail
  }
  t.same(await items('/v3/genomes/attrs/t7'), [
    {
      type: 'string_too_short',
      loc: ['path', 'genome'],
      msg: 'String should have at least 48 characters',
      input: 't7',
      ctx: { min_length: 48 },
    },
  ])
  t.match(await items(`/genomes/attrs/${'x'.repeat(49)}`), [
    { type: 'string_too_long', ctx: { max_length: 48 } },
  ])
  t.match(await items(`/genomes/attrs/${'-'.repeat(48)}`), [
    { type: 'string_pattern_mismatch', ctx: { pattern: '^\\w+$' } },
  ])
  t.match(await items(`/assets/archive/t7/a%20b?tag=`), [
    { loc: ['path', 'genome'] },
    { loc: ['path', 'asset'], msg: "String should match pattern '^\\S+$'" },
    { loc: ['query', 'tag'], input: '' },
  ])
  t.match(await items('/assets/list?includeSeekKeys=maybe'), [
    { type: 'bool_parsing', msg: 'Input should be a valid boolean, unable to interpret input' },
  ])
  t.match(await items(`/assets/file_path/${T7}/fasta/fasta?remoteClass=s3`), [
    { type: 'enum', msg: "Input should be 'http'", ctx: { expected: "'http'" } },
  ])
  const yes = await app.inject('/assets/list?includeSeekKeys=YES')
  t.ok(yes.json()[T7].includes('fasta.chrom_sizes:v2'))
  const last = await app.inject(`/v3/assets/attrs/${T7}/fasta?tag=nope&tag=v2`)
  t.equal(last.statusCode, 200, 'the last of repeated parameters counts')
})

t.test('remotes send callers away, but not for what is not in the catalogue', async t => {
  const { folder, config } = await exampleCopy(t)
  const remotes = `remotes:\n  s3:\n    prefix: s3://bucket/x/\n  http:\n    prefix: https://cdn.example.org/x/\n`
  await writeFile(config, remotes + (await readFile(config, 'utf8')))
  const { app } = await startApp(t, { config, archiveFolder: folder })
  const to = async (path: string) => {
    const answer = await app.inject(path)
    return answer.statusCode === 307 ? answer.headers.location : answer.statusCode
  }
  t.equal(
    await to(`/v3/assets/archive/${T7}/fasta`),
    `https://cdn.example.org/x/${T7}/fasta__default.tgz`,
  )
  t.equal(
    await to('/v2/asset/t7/fasta/archive?tag=v2'),
    'https://cdn.example.org/x/t7/fasta__v2.tgz',
  )
  t.equal(
    await to(`/v3/assets/log/${T7}/fasta`),
    `https://cdn.example.org/x/${T7}/build_log_fasta__default.md`,
  )
  t.equal(
    await to(`/v3/assets/recipe/${T7}/fasta`),
    `https://cdn.example.org/x/${T7}/build_recipe_fasta__default.json`,
  )
  t.equal(await to(`/v3/assets/archive/${T7}/nope`), 404)
  const path = async (query: string) =>
    (await app.inject(`/v3/assets/file_path/${T7}/fasta/fasta${query}`)).body
  t.equal(await path(''), `https://cdn.example.org/x/${T7}/fasta__default/${T7}.fa`)
  t.equal(await path('?remoteClass=s3'), `s3://bucket/x/${T7}/fasta__default/${T7}.fa`)
  t.match((await app.inject(`/v3/assets/file_path/${T7}/fasta/fasta?remoteClass=ftp`)).json(), {
    detail: [{ msg: "Input should be 's3' or 'http'" }],
  })
  t.match((await app.inject('/remotes/dict')).json(), { s3: { prefix: 's3://bucket/x/' } })
})

t.test('names and prefixes beyond ASCII work in headers', async t => {
  const folder = t.testdir({ [T7]: { 'é__v1.tgz': 'bytes' } })
  const config = join(folder, 'c.yaml')
  const tag = '{archive_digest: "no\\nmd5", archive_size: 5 B}'
  const text = `genomes:\n  ${T7}:\n    aliases: [ß]\n    assets:\n      é:\n        tags:\n          v1: ${tag}\n`
  await writeFile(config, text)
  const local = await startApp(t, { config, archiveFolder: folder })
  const archive = await local.app.inject(`/v3/assets/archive/${T7}/%C3%A9`)
  t.equal(archive.statusCode, 200)
  t.match(archive.headers, {
    'content-disposition': /filename\*=UTF-8''%C3%A9__v1\.tgz/,
    etag: /^"[\w-]+"$/,
  })
  await writeFile(config, `remotes:\n  http:\n    prefix: https://x.org/ö\n${text}`)
  const remote = await startApp(t, { config, archiveFolder: folder })
  const { headers } = await remote.app.inject(`/v2/asset/%C3%9F/%C3%A9/archive`)
  t.equal(headers.location, 'https://x.org/%C3%B6/%C3%9F/%C3%A9__v1.tgz')
  t.match(await remote.depot.check(), [{ problem: 'damaged' }])
})

t.test('files that the catalogue lists but the folder lacks are 404 here', async t => {
  const { folder, config } = await exampleCopy(t)
  for (const name of [
    'fasta__default.tgz',
    'build_log_fasta__default.md',
    'build_recipe_fasta__default.json',
  ]) {
    await rm(join(folder, T7, name))
  }
  await writeFile(join(folder, T7, 'asset_dir_contents_fasta__default.json'), '[broken')
  const { app, log } = await startApp(t, { config, archiveFolder: folder })
  for (const kind of ['archive', 'log', 'recipe']) {
    t.equal((await app.inject(`/v3/assets/${kind}/${T7}/fasta`)).statusCode, 404, kind)
  }
  const broken = await app.inject(`/v3/assets/dir_contents/${T7}/fasta`)
  t.equal(broken.statusCode, 500)
  t.same(broken.json(), { detail: 'Internal Server Error' }, 'the path stays in the log')
  t.ok(log.some(line => line.code === 'storage-failed'))
})

t.test('a damaged archive answers 503 on every API, never wrong bytes', async t => {
  const { folder, config } = await exampleCopy(t)
  await writeFile(join(folder, T7_FASTA), 'not the archive')
  await writeFile(join(folder, 't7/fasta__default.tgz'), 'not the archive')
  const { app, depot } = await startApp(t, { config, archiveFolder: folder })
  await depot.check()
  for (const path of [
    `/v3/assets/archive/${T7}/fasta`,
    `/assets/archive/${T7}/fasta`,
    '/v2/asset/t7/fasta/archive',
    '/v1/asset/t7/fasta/archive',
  ]) {
    const answer = await app.inject(path)
    t.equal(answer.statusCode, 503, path)
    t.match(answer.json(), { code: 'archive-damaged', detail: /does not match its digest/ })
  }
  for (const path of [
    '/t7/assets/fasta/archive',
    '/t7/assets/fasta/checksums',
    `/archives/${md5(fasta)}`,
  ]) {
    const answer = await app.inject(path)
    t.match(answer.json(), { status: 503, code: 'archive-damaged' })
  }
  t.match((await app.inject('/readyz')).json(), {
    check: { state: 'done', damaged: 2 },
    damaged: [{ registry_path: `${T7}/fasta:default`, problem: 'damaged' }, {}],
  })
})

t.test('slashes, methods and preflights are handled', async t => {
  const { app } = await startApp(t)
  const slash = await app.inject('/v3/genomes/list/?x=1')
  t.equal(slash.statusCode, 307)
  t.equal(slash.headers.location, 'http://localhost:80/v3/genomes/list?x=1')
  t.equal((await app.inject('/v3')).headers.location, 'http://localhost:80/v3/')
  const post = await app.inject({ method: 'POST', url: '/v3/genomes/list' })
  t.equal(post.statusCode, 405)
  t.match(post.headers, { allow: /GET/ })
  t.same(post.json(), { detail: 'Method Not Allowed' })
  const preflight = await app.inject({
    method: 'OPTIONS',
    url: `/v3/assets/archive/${T7}/fasta`,
    headers: {
      origin: 'https://app',
      'access-control-request-method': 'GET',
      'access-control-request-headers': 'range',
    },
  })
  t.equal(preflight.statusCode, 204)
  t.match(preflight.headers, {
    'access-control-allow-origin': '*',
    'access-control-allow-headers': 'range',
  })
  for (const url of ['/v3/nowhere', '/v3', '/genomes/list', `/assets/attrs/x/y`]) {
    const { headers } = await app.inject({ url, headers: { origin: 'https://app' } })
    t.match(headers, {
      'access-control-allow-origin': '*',
      'access-control-expose-headers': /Content-Range/,
    })
  }
})

t.test('the pages of the peer are pages, whatever is accepted', async t => {
  const { app } = await startApp(t)
  for (const url of [
    '/',
    '/index',
    '/v3/',
    '/v3/index',
    '/v1/',
    '/v1/index',
    '/v2/',
    '/v2/index',
    `/genomes/splash/${T7}`,
    `/v3/assets/splash/${T7}/fasta?tag=v2`,
    '/v2/asset/t7/bwa_index/splash',
  ]) {
    const answer = await app.inject({ url, headers: { accept: 'application/json' } })
    t.equal(answer.statusCode, 200, url)
    t.match(answer.headers, {
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': /default-src 'none'/,
    })
    t.match(answer.body, /t7/)
  }
})
