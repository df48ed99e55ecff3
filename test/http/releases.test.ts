import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { FOLDER_PLACES } from '../../src/archive/archive-places.ts'
import { openServerTarget, openTarget } from '../../src/archive/archive-target.ts'
import { createArchives } from '../../src/archive/create-archives.ts'
import { createRelease } from '../../src/archive/create-release.ts'
import { removeTag } from '../../src/archive/server-record.ts'
import { changeServerConfig } from '../../src/archive/withdraw.ts'
import { withdrawTag } from '../../src/archive/withdrawal-record.ts'
import type { RawConfig } from '../../src/config/genome-config-schema.ts'
import { AccessTable } from '../../src/domain/access.ts'
import { openWritableStore } from '../../src/storage/open-store.ts'
import { controlledApp } from '../support/controlled-app.ts'
import { PANEL, RETRACTED_TAG } from '../support/controlled-folder.ts'
import { T7 } from '../support/genome-fixtures.ts'
import { genomeFolder } from '../support/genome-folder.ts'
import { startApp } from '../support/start-app.ts'

const text = (content: string) => ({ files: { 'x.txt': content } })
const x = (tag: string) => ({ genome: T7, asset: 'x', tag })

async function served(t: Test) {
  const made = await genomeFolder(
    t,
    { 'x:v1': text('one'), 'x:v2': text('two'), 'x:v3': text('three'), 'y:v1': text('y') },
    ['t7'],
  )
  const archive = async (force = false) =>
    createArchives(await openTarget(made.config), { registryPaths: [], jobs: 1, force })
  await archive()
  const release = async (name: string, ...registryPaths: string[]) => {
    const { source, archiveFolder } = await openServerTarget(made.config)
    const store = await openWritableStore(archiveFolder)
    const access = new AccessTable(source.genomes, { configs: [] })
    const { genomes } = source
    const place = { ...store, places: FOLDER_PLACES, genomes, access }
    return (await createRelease(place, { name, registryPaths, description: `About ${name}` }))
      .release
  }
  const edit = async (change: (config: RawConfig) => void) =>
    changeServerConfig(await openServerTarget(made.config), change)
  const first = await release('2026.1', 't7/x')
  const started = await startApp(t, { config: made.config, archiveFolder: made.archiveFolder })
  const get = (url: string, headers = {}) => started.app.inject({ url, headers })
  return { ...started, made, archive, release, edit, first, get }
}

t.test('releases are listed and shown as JSON, table and page', async t => {
  const { get, first, release, depot, app } = await served(t)
  await new Promise(done => setTimeout(done, 5))
  await release('2026.2')
  await depot.reload()
  t.match((await get('/releases')).json(), [
    {
      name: '2026.2',
      description: 'About 2026.2',
      generation: null,
      entry_count: 4,
      url: 'http://localhost:80/releases/2026.2',
    },
    { name: '2026.1', created: first.created, entry_count: 3 },
  ])
  const answer = await get('/releases/2026.1')
  t.equal(answer.statusCode, 200)
  const [entry] = answer.json().entries
  t.same(entry, {
    ...first.entries[0],
    archive: {
      ...first.entries[0]?.archive,
      url: `http://localhost:80/archives/${first.entries[0]?.archive.md5}`,
    },
    available: true,
    withdrawn: null,
  })
  t.equal((await get(new URL(entry.archive.url).pathname)).rawPayload.length, entry.archive.size)
  t.equal((await get('/releases/2026.1', { 'if-none-match': answer.headers.etag })).statusCode, 304)
  const head = await app.inject({ method: 'HEAD', url: '/releases/2026.1' })
  t.equal(head.headers['content-length'], String(answer.rawPayload.length))
  const table = await get('/releases/2026.1?format=tsv')
  t.match(table.headers['content-type'], 'text/tab-separated-values')
  const lines = table.body
    .trimEnd()
    .split('\n')
    .map(line => line.split('\t'))
  t.same(lines[0], [
    'registry_path',
    'alias',
    'asset',
    'tag',
    'asset_digest',
    'md5',
    'sha256',
    'size',
    'available',
    'withdrawn',
  ])
  t.same(lines[1]?.slice(0, 4), [`${T7}/x:v1`, 't7', 'x', 'v1'])
  t.same(lines[1]?.slice(5), [
    entry.archive.md5,
    entry.archive.sha256,
    String(entry.archive.size),
    'true',
    '',
  ])
  t.equal(lines.length, 4)
  const browser = { accept: 'text/html' }
  t.match((await get('/releases', browser)).body, '<a href="/releases/2026.1">2026.1</a>')
  t.match((await get('/releases/2026.1', browser)).body, `href="/archives/${entry.archive.md5}"`)
  t.match((await get('/releases/2026.1?format=json', browser)).json(), { name: '2026.1' })
  t.match((await get('/releases/2026.1?format=xml')).statusCode, 400)
  const missing = await get('/releases/none')
  t.equal(missing.statusCode, 404)
  t.match(missing.json(), { code: 'unknown-release', detail: /there is no release 'none' here/ })
})

t.test('a release says what has become of its archives', async t => {
  const { get, edit, depot, archive, made, release } = await served(t)
  await edit(config => {
    withdrawTag(config, x('v1'), {
      reason: 'wrong\tstrand',
      at: '2026-01-02T00:00:00.000Z',
      successor: x('v2'),
    })
    removeTag(config, x('v3'))
  })
  await depot.reload()
  const states = async () =>
    (await get('/releases/2026.1'))
      .json()
      .entries.map((it: { available: boolean; withdrawn: object }) => [it.available, it.withdrawn])
  const withdrawn = {
    reason: 'wrong\tstrand',
    at: '2026-01-02T00:00:00.000Z',
    successor: `${T7}/x:v2`,
  }
  t.same(await states(), [
    [false, withdrawn],
    [true, null],
    [false, null],
  ])
  t.match((await get('/releases/2026.1?format=tsv')).body, /\tfalse\twrong strand\n/)
  const page = (await get('/releases/2026.1', { accept: 'text/html' })).body
  t.match(page, /t7\/x:v1[\s\S]*withdrawn: wrong/)
  t.match(page, 'not served any more')
  t.notMatch(page, /href="[^"]*"[^>]*>t7\/x:v1</)
  // The same tag with another archive is not what the release names.
  await release('before', 't7/y')
  await writeFile(join(made.tagFolder('y', 'v1'), 'x.txt'), 'changed')
  await archive(true)
  await release('after', 't7/y')
  await depot.reload()
  t.match((await get('/releases/before')).json().entries, [{ available: false, withdrawn: null }])
  const diff = (await get('/releases/before/diff/after')).json()
  t.match(diff, {
    from: 'before',
    to: 'after',
    added: [],
    removed: [],
    changed: [{ registry_path: `${T7}/y:v1`, from: { available: false }, to: { available: true } }],
  })
  t.match((await get('/releases/2026.1/diff/after')).json(), {
    added: [{ registry_path: `${T7}/y:v1`, archive: { url: /\/archives\// } }],
    removed: { length: 3 },
    changed: [],
  })
  for (const url of ['/releases/none/diff/after', '/releases/after/diff/none'])
    t.match((await get(url)).json(), { code: 'unknown-release' })
})

t.test('without releases the page says so, and the list is empty', async t => {
  const { app } = await startApp(t)
  t.same((await app.inject('/releases')).json(), [])
  t.match(
    (await app.inject({ url: '/releases', headers: { accept: 'text/html' } })).body,
    'There are none',
  )
})

t.test('what a caller may not see is in no release', async t => {
  const { get } = await controlledApp(t)
  const names = async (caller: 'none' | 'admin') =>
    (await get('/releases', caller))
      .json()
      .map(({ name }: { name: string }) => name)
      .sort()
  t.same(await names('none'), ['all', 'early', 'open'])
  t.same(await names('admin'), ['all', 'early', 'open', 'secret'])
  t.equal((await get('/releases/secret')).statusCode, 404)
  t.equal((await get('/releases/secret', 'admin')).statusCode, 200)
  t.equal((await get('/releases/secret/diff/open')).statusCode, 404)
  const nobodys = await get('/releases/early')
  t.notMatch(nobodys.body, RETRACTED_TAG)
  t.notMatch(nobodys.body, PANEL)
  t.match(
    nobodys.json().entries.find(({ tag }: { tag: string }) => tag === 'old'),
    {
      available: false,
      withdrawn: { reason: 'wrong', successor: null },
    },
    'nor is a controlled successor',
  )
  const theirs = (await get('/releases/early', 'admin')).json().entries
  t.match(
    theirs.find(({ tag }: { tag: string }) => tag === 'old'),
    {
      withdrawn: { successor: new RegExp(PANEL) },
    },
  )
  t.match(
    theirs.find(({ tag }: { tag: string }) => tag === RETRACTED_TAG),
    {
      withdrawn: { reason: 'secretly wrong' },
    },
  )
})
