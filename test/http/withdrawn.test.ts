/** What became of tags: gone with a reason, the last published one by the word latest, licence and origin. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { openServerTarget, openTarget } from '../../src/archive/archive-target.ts'
import { createArchives } from '../../src/archive/create-archives.ts'
import { INDEX_SUFFIX, parseIndex } from '../../src/archive/member-index.ts'
import { changeServerConfig } from '../../src/archive/withdraw.ts'
import { restoreTag, withdrawTag } from '../../src/archive/withdrawal-record.ts'
import type { RawConfig } from '../../src/config/genome-config-schema.ts'
import { LazyState } from '../../src/state/lazy-state.ts'
import { T7 } from '../support/genome-fixtures.ts'
import { genomeFolder } from '../support/genome-folder.ts'
import { startApp } from '../support/start-app.ts'

const REASON = 'built from the wrong strand'
const fasta = (tag: string) => ({ genome: T7, asset: 'fasta', tag })
const SHARED = 'the same in both\n'

async function served(t: Test, change: (config: RawConfig) => void = () => {}) {
  const spec = (text: string) => ({
    files: { 'x.fa': `>${text}\nACGT\n`, 'shared.txt': SHARED },
    attributes: { seek_keys: { fasta: 'x.fa', dir: '.' } },
  })
  const made = await genomeFolder(
    t,
    { 'fasta:v1': spec('one'), 'fasta:v2': spec('two'), 'fasta:v3': spec('three') },
    ['t7'],
  )
  await createArchives(await openTarget(made.config), { registryPaths: [], jobs: 1 })
  const edit = async (next: (config: RawConfig) => void) =>
    changeServerConfig(await openServerTarget(made.config), next)
  await edit(change)
  const path = (tag: string) => join(made.archiveFolder, T7, `fasta__${tag}.tgz`)
  const indexOf = async (tag: string) => {
    const index = parseIndex(await readFile(path(tag) + INDEX_SUFFIX, 'utf8'))
    if (index === undefined) throw new Error('no index')
    return index
  }
  const started = await startApp(
    t,
    { config: made.config, archiveFolder: made.archiveFolder },
    {},
    { state: new LazyState(join(made.archiveFolder, 'state.db')) },
  )
  await started.depot.check()
  const get = (url: string, headers = {}) => started.app.inject({ url, headers })
  return { ...started, made, edit, indexOf, get }
}

const withdrawFirst = (config: RawConfig) =>
  withdrawTag(config, fasta('v1'), { reason: REASON, at: 'then', successor: fasta('v2') })

t.test(
  'what belongs to a withdrawn tag answers 410 with reason and successor, everywhere',
  async t => {
    const { get, app, indexOf } = await served(t, withdrawFirst)
    const index = await indexOf('v1')
    const own = index.entries.find(entry => entry.path === 'x.fa') as {
      sha256: string
      gz_sha256: string
    }
    const below = [
      '',
      '/archive',
      '/archive?format=tar',
      '/log',
      '/recipe',
      '/contents',
      '/digest',
      '/checksums',
      '/files',
      '/files/x.fa',
      '/files/x.fa.gz',
      '/url',
    ]
    const native = [
      ...['t7', T7].flatMap(genome => below.map(path => `/${genome}/assets/fasta:v1${path}`)),
      '/t7/assets/fasta/archive?tag=v1',
      `/archives/${index.archive.md5}`,
      `/archives/${index.archive.md5}/index`,
      `/archives/${index.archive.sha256}`,
      `/archives/${index.views.legacy.t7?.md5}`,
      `/archives/${index.views.legacy.t7?.sha256}`,
      `/objects/${own.sha256}`,
      `/objects/${own.gz_sha256}`,
    ]
    for (const url of native) {
      const answer = await get(url)
      t.equal(answer.statusCode, 410, url)
      t.equal(answer.headers['content-type'], 'application/problem+json', url)
      t.equal(answer.headers['cache-control'], 'no-store', url)
      t.match(
        answer.json(),
        {
          type: 'urn:refdepot:problem:withdrawn',
          title: 'Gone',
          status: 410,
          code: 'withdrawn',
          registry_path: `${T7}/fasta:v1`,
          reason: REASON,
          successor: {
            registry_path: `${T7}/fasta:v2`,
            url: `http://localhost:80/${T7}/assets/fasta?tag=v2`,
          },
          detail: `${T7}/fasta:v1 was withdrawn: ${REASON}; use ${T7}/fasta:v2 instead`,
        },
        url,
      )
      const head = await app.inject({ method: 'HEAD', url })
      t.equal(head.statusCode, 410, `HEAD ${url}`)
      t.equal(head.headers['content-length'], answer.headers['content-length'])
      t.equal(head.body, '')
    }
    const names = [
      'archive',
      'asset_digest',
      'archive_digest',
      'attrs',
      'recipe',
      'log',
      'dir_contents',
      'splash',
    ]
    for (const url of [
      ...['', '/v3'].flatMap(mount =>
        names.map(name => `${mount}/assets/${name}/${T7}/fasta?tag=v1`),
      ),
      `/v3/assets/file_path/${T7}/fasta/fasta?tag=v1`,
      '/v1/asset/t7/fasta/archive?tag=v1',
      '/v2/asset/t7/fasta/archive?tag=v1',
      '/v2/asset/t7/fasta/log?tag=v1',
      '/v2/asset/t7/fasta/recipe?tag=v1',
      '/v2/asset/t7/fasta?tag=v1',
      '/v2/asset/t7/fasta/splash?tag=v1',
      '/v2/asset/t7/fasta/v1/asset_digest',
      '/v2/asset/t7/fasta/v1/archive_digest',
    ]) {
      const answer = await get(url)
      t.equal(answer.statusCode, 410, url)
      t.equal(answer.headers['cache-control'], 'no-store', url)
      const detail = `${T7}/fasta:v1 was withdrawn: ${REASON}; use ${T7}/fasta:v2 instead`
      t.same(answer.json(), { detail, code: 'withdrawn' }, url)
      t.equal((await app.inject({ method: 'HEAD', url })).statusCode, 410, `HEAD ${url}`)
    }
    const page = await get('/t7/assets/fasta:v1', { accept: 'text/html' })
    t.equal(page.statusCode, 410)
    t.match(page.body, REASON)
  },
)

t.test('a withdrawn tag is in no list of any API', async t => {
  const { get, edit, depot } = await served(t, withdrawFirst)
  const lists = [
    '/genomes',
    '/assets',
    '/t7/assets',
    '/genomes/t7',
    '/v3/assets/list?includeSeekKeys=true',
    '/v2/assets',
    '/v1/assets',
    '/_private_api/genomes/dict',
    '/',
    '/assets?q=v1',
    '/readyz',
  ]
  for (const url of lists) t.notMatch((await get(url)).body, /v1"|:v1|fasta__v1|v1</, url)
  t.match((await get('/t7/assets')).json(), { length: 2 })
  t.equal((await get(`/v3/assets/default_tag/${T7}/fasta`)).body, 'v3', 'it was the default tag')
  t.equal((await get('/t7/assets/fasta/archive')).statusCode, 200)
  t.equal((await get('/t7/assets/fasta:v9/archive')).statusCode, 404)
  t.equal((await get(`/v3/assets/attrs/${T7}/fasta?tag=v9`)).statusCode, 404)
  await edit(config => restoreTag(config, fasta('v1')))
  await depot.reload()
  t.match((await get('/t7/assets')).json(), { length: 3 })
  t.equal((await get('/t7/assets/fasta:v1/archive')).statusCode, 200)
})

t.test('a file of a withdrawn tag is served as long as another tag has it', async t => {
  const { get, edit, depot, indexOf } = await served(t, withdrawFirst)
  const shared = (await indexOf('v1')).entries.find(({ path }) => path === 'shared.txt') as {
    sha256: string
  }
  t.equal((await get(`/objects/${shared.sha256}`)).body, SHARED)
  await edit(config => {
    for (const tag of ['v2', 'v3']) withdrawTag(config, fasta(tag), { reason: REASON, at: 'then' })
  })
  await depot.reload()
  t.equal((await get(`/objects/${shared.sha256}`)).statusCode, 410)
  await depot.check()
  t.equal((await get(`/objects/${shared.sha256}`)).statusCode, 410)
  t.match((await get(`/objects/${'0'.repeat(64)}`)).json(), { code: 'unknown-file' })
  const all = await get('/t7/assets/fasta/archive')
  t.match(
    all.json(),
    { code: 'withdrawn', registry_path: `${T7}/fasta:v1` },
    'nothing of it is left',
  )
  t.match((await get('/t7/assets/fasta/archive?tag=latest')).json(), { code: 'withdrawn' })
  t.match((await get('/t7/assets/fasta:v2/archive')).json(), { code: 'withdrawn', successor: null })
  t.match(
    (await get('/t7/assets/fasta:v1/archive')).json(),
    {
      successor: { registry_path: `${T7}/fasta:v2` },
    },
    'a successor that is withdrawn itself tells more',
  )
  t.equal((await get('/t7/assets')).statusCode, 404)
})

t.test('a link ends with its tag', async t => {
  const { get, edit, depot } = await served(t)
  const { url } = (await get('/t7/assets/fasta:v1/url')).json()
  const path = new URL(url).pathname
  t.equal((await get(path)).statusCode, 200)
  await edit(withdrawFirst)
  await depot.reload()
  const answer = await get(path)
  t.equal(answer.statusCode, 410)
  t.match(answer.json(), { code: 'withdrawn', reason: REASON })
})

t.test('latest is the last tag, in every API, and never kept as immutable', async t => {
  const { get, depot, indexOf } = await served(t)
  const { md5 } = (await indexOf('v3')).archive
  for (const url of [
    '/t7/assets/fasta:latest/archive',
    '/t7/assets/fasta/archive?tag=latest',
    `/v3/assets/archive/${T7}/fasta?tag=latest`,
    `/assets/archive/${T7}/fasta?tag=latest`,
  ]) {
    const answer = await get(url)
    t.equal(answer.statusCode, 200, url)
    t.equal(answer.headers.etag, `"${md5}"`, url)
    t.match(answer.headers['content-disposition'], 'fasta__v3.tgz', 'named by the tag it is')
    t.match(answer.headers['cache-control'], 'no-cache', url)
    t.notMatch(answer.headers['cache-control'], 'immutable', url)
  }
  for (const version of ['v1', 'v2']) {
    const answer = await get(`/${version}/asset/t7/fasta/archive?tag=latest`)
    t.match(answer.headers['content-disposition'], 'fasta__v3.tgz')
  }
  t.match((await get('/t7/assets/fasta?tag=latest')).json(), { tag: 'v3' })
  t.match((await get('/v2/asset/t7/fasta/latest/archive_digest')).json(), md5)
  t.match((await get(`/v3/assets/file_path/${T7}/fasta/fasta?tag=latest`)).body, /\?tag=v3$/)
  const link = (await get('/t7/assets/fasta:latest/url')).json()
  t.match(link.url, /fasta__v3\.tgz$/)
  t.match((await get('/t7/assets/other:latest')).json(), { code: 'unknown-asset' })
  // A tag that is really called so counts first.
  const tags = depot.current.source.genomes[0]?.assets.get('fasta')?.tags as Map<string, unknown>
  tags.set('latest', tags.get('v1'))
  const own = await get('/t7/assets/fasta:latest')
  t.match(own.json(), { archive: { md5: (await indexOf('v1')).archive.md5 } })
})

t.test('licence and origin are told with an asset, and linked on its page', async t => {
  const { get } = await served(t, config => {
    const genome = config.genomes?.[T7]
    Object.assign(genome ?? {}, {
      licence: 'https://example.org/licence?a=1&b=2',
      citation: '<b>Me</b>',
    })
    Object.assign(genome?.assets?.fasta?.tags?.v2 ?? {}, {
      license: 'CC0-1.0',
      redistribute: 'no',
      source: 'UCSC',
      release: '110',
      accession: 'GCA_000001405.15',
    })
  })
  t.match((await get('/t7/assets/fasta:v2')).json(), {
    licence: 'CC0-1.0',
    redistribute: false,
    source: 'UCSC',
    release: '110',
    accession: 'GCA_000001405.15',
    citation: '<b>Me</b>',
  })
  t.match((await get('/t7/assets/fasta:v1')).json(), {
    licence: 'https://example.org/licence?a=1&b=2',
    redistribute: null,
    source: null,
    release: null,
    accession: null,
  })
  const page = async (tag: string) =>
    (await get(`/t7/assets/fasta:${tag}`, { accept: 'text/html' })).body
  const shown = await page('v1')
  t.match(
    shown,
    /<dd><a href="https:\/\/example\.org\/licence\?a[^"]*b[^"]*2" rel="nofollow">https:/,
  )
  t.match(shown, 'Citation')
  t.notMatch(shown, '<b>Me', 'markup is text')
  t.match(await page('v2'), '<dt>Licence</dt><dd>CC0-1.0</dd>')
  t.notMatch(await page('v1'), 'Accession')
  const dump = (await get('/v2/asset/t7/fasta?tag=v2')).json()
  t.match(
    dump,
    { license: 'CC0-1.0', redistribute: 'no', source: 'UCSC' },
    'as the peer passes keys on',
  )
  t.notOk('licence' in dump)
  t.equal(Object.keys((await get(`/v3/assets/attrs/${T7}/fasta?tag=v2`)).json()).length, 8)
})
