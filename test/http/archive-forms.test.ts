/** The forms of an archive over HTTP: views, tar, files with ranges, objects by digest. */
import { createHash } from 'node:crypto'
import { readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { gunzipSync } from 'node:zlib'
import t, { type Test } from 'tap'
import { openServerTarget, openTarget } from '../../src/archive/archive-target.ts'
import { createArchives, importArchives } from '../../src/archive/create-archives.ts'
import { INDEX_SUFFIX } from '../../src/archive/member-index.ts'
import { readRawConfig } from '../../src/config/raw-config.ts'
import { exampleCopy } from '../support/example-folder.ts'
import { T7 } from '../support/genome-fixtures.ts'
import { type GenomeSpec, genomeFolder, USUAL } from '../support/genome-folder.ts'
import { startApp } from '../support/start-app.ts'

const SPEC: GenomeSpec = {
  ...USUAL,
  'links:default': {
    files: {
      'real.txt': 'real',
      'real.txt.gz': 'a real file by that name',
      'a/b.txt': 'deep',
      here: { link: 'real.txt' },
      'there/up': { link: '../here' },
      folder: { link: 'a' },
    },
  },
}

// Small files are believed to be what they were for a second.
const BELIEVED_MS = 1100

async function served(t: Test, aliases?: readonly string[]) {
  const made = await genomeFolder(t, SPEC, aliases)
  await createArchives(await openTarget(made.config), { registryPaths: [] })
  const started = await startApp(t, {
    config: made.serverConfig,
    archiveFolder: made.archiveFolder,
  })
  const get = (url: string, headers = {}) => started.app.inject({ url, headers })
  return { ...started, made, get }
}

const digest = (algorithm: string, bytes: Buffer) =>
  createHash(algorithm).update(bytes).digest('hex')

t.test(
  'v2 serves every alias an archive of its own, with the digest that its attributes tell',
  async t => {
    const { get, made, depot } = await served(t)
    await depot.check()
    const seen = new Set<string>()
    for (const alias of ['t7', 'phage-seven']) {
      const { archive_digest: wanted } = (await get(`/v2/asset/${alias}/bwa_index`)).json()
      const answer = await get(`/v2/asset/${alias}/bwa_index/archive`)
      t.equal(digest('md5', answer.rawPayload), wanted)
      t.equal(answer.headers.etag, `"${wanted}"`)
      t.equal(Number(answer.headers['content-length']), answer.rawPayload.length)
      const sha256 = createHash('sha256').update(answer.rawPayload).digest('base64')
      t.equal(answer.headers['repr-digest'], `sha-256=:${sha256}:`)
      const tar = gunzipSync(answer.rawPayload).toString('latin1')
      t.ok(tar.startsWith('bwa_index/\0') && tar.includes(`bwa_index/${alias}.fa.bwt`))
      t.notOk(tar.includes(T7))
      const part = await get(`/v1/asset/${alias}/bwa_index/archive`, { range: 'bytes=100-4999' })
      t.equal(part.statusCode, 206)
      t.ok(part.rawPayload.equals(answer.rawPayload.subarray(100, 5000)))
      const byDigest = await get(`/archives/${wanted}`)
      t.ok(byDigest.rawPayload.equals(answer.rawPayload), 'and under its digest')
      seen.add(wanted)
    }
    t.equal(seen.size, 2)
    const byGenome = (await get(`/v2/asset/${T7}/bwa_index`)).json()
    const tag = (await readRawConfig(made.serverConfig)).genomes?.[T7]?.assets?.bwa_index?.tags
      ?.default
    t.equal(byGenome.archive_digest, tag?.legacy_archive_digest)
    const stored = await get(`/v3/assets/archive/${T7}/bwa_index`)
    t.equal(digest('md5', stored.rawPayload), tag?.archive_digest)
  },
)

t.test('an alias that came after the archive is hashed in the background', async t => {
  const { get, made, depot } = await served(t)
  const text = await readFile(made.serverConfig, 'utf8')
  await writeFile(
    made.serverConfig,
    text.replace('- phage-seven\n', '- phage-seven\n      - third\n'),
  )
  await depot.reload()
  const pending = await get('/v2/asset/third/fasta')
  t.match(pending, { statusCode: 503 })
  t.ok(pending.headers['retry-after'])
  await depot.check()
  const { archive_digest: wanted } = (await get('/v2/asset/third/fasta')).json()
  const answer = await get('/v2/asset/third/fasta/archive')
  t.equal(digest('md5', answer.rawPayload), wanted)
  t.ok((await get(`/archives/${wanted}`)).rawPayload.equals(answer.rawPayload))
  await depot.check()
  t.equal((await get('/v2/asset/third/fasta')).json().archive_digest, wanted)
})

t.test('without any alias v2 serves the stored archive', async t => {
  const { get } = await served(t, [])
  const { archive_digest: wanted } = (await get(`/v2/asset/${T7}/fasta`)).json()
  t.equal(digest('md5', (await get(`/v2/asset/${T7}/fasta/archive`)).rawPayload), wanted)
})

t.test('the archive as tar', async t => {
  const { get } = await served(t)
  const packed = (await get('/t7/assets/fasta/archive')).rawPayload
  const tar = await get('/t7/assets/fasta/archive?format=tar')
  t.match(tar.headers, {
    'content-type': 'application/x-tar',
    'content-disposition': 'attachment; filename="fasta__default.tar"',
  })
  t.ok(tar.rawPayload.equals(gunzipSync(packed)))
  const part = await get('/t7/assets/fasta/archive?format=tar', { range: 'bytes=-2000' })
  t.ok(part.rawPayload.equals(tar.rawPayload.subarray(-2000)))
  t.equal((await get('/t7/assets/fasta/archive?format=zip')).statusCode, 400)
  const { folder, config } = await exampleCopy(t)
  const { app } = await startApp(t, { config, archiveFolder: folder })
  t.match((await app.inject('/t7/assets/fasta/archive?format=tar')).json(), {
    code: 'unknown-archive',
  })
})

t.test(
  'files: plain with ranges, as .gz, with indexes; a real file of such a name wins',
  async t => {
    const { get, made, depot } = await served(t)
    const files = '/t7/assets/fasta/files'
    const original = await readFile(join(made.tagFolder('fasta'), `${T7}.fa`))
    const list = (await get(`${files}/`)).json()
    const row = list.find(({ path }: { path: string }) => path === `${T7}.fa`)
    t.match(row, {
      size: original.length,
      sha256: digest('sha256', original),
      md5: digest('md5', original),
    })
    const plain = await get(`${files}/${T7}.fa`, { range: 'bytes=70000-70099' })
    t.ok(plain.rawPayload.equals(original.subarray(70_000, 70_100)))
    const gz = await get(`${files}/${T7}.fa.gz`)
    t.ok(gunzipSync(gz.rawPayload).equals(original))
    t.match(row.gz, { size: gz.rawPayload.length, sha256: digest('sha256', gz.rawPayload) })
    t.equal((await get(`${files}/${T7}.fa.gz.gzi`)).rawPayload.readBigUInt64LE(0), 2n)
    t.equal((await get(`${files}/${T7}.fa.gz.fai`)).body, 'chr1\t150000\t6\t60\t61\n')
    for (const path of [
      'nope',
      `${T7}.chrom.sizes.gz.fai`,
      `${T7}.fa.gz.gz`,
      '../fasta__default.tgz',
      'a/..',
      'nope.gz',
    ]) {
      t.match(await get(`${files}/${path.replaceAll('/', '%2F')}`), { statusCode: 404 }, path)
    }
    const links = '/t7/assets/links/files'
    t.equal((await get(`${links}/real.txt.gz`)).body, 'a real file by that name')
    t.equal((await get(`${links}/here`)).body, 'real')
    t.equal((await get(`${links}/there/up`)).body, 'real')
    t.equal((await get(`${links}/folder/b.txt`)).body, 'deep')
    t.equal((await get(`${links}/folder`)).statusCode, 404)
    const pending = await get(`/objects/${row.sha256}`)
    t.match(pending.json(), { code: 'digest-pending' })
    await depot.check()
    const object = await get(`/objects/${row.sha256.toUpperCase()}`)
    t.ok(object.rawPayload.equals(original))
    t.match(object.headers['cache-control'], /immutable/)
    t.ok((await get(`/objects/${row.gz.sha256}`)).rawPayload.equals(gz.rawPayload))
    t.match((await get(`/objects/${'0'.repeat(64)}`)).json(), { code: 'unknown-file' })
    t.match((await get('/objects/abc')).json(), { code: 'unknown-file' })
    t.match((await get(`/archives/${'0'.repeat(64)}`)).json(), { code: 'unknown-archive' })
  },
)

t.test('every view is there under its digest, and what was repacked says by what', async t => {
  const { get, depot, made } = await served(t)
  await depot.check()
  const index = JSON.parse(
    await readFile(join(made.archiveFolder, T7, `fasta__default.tgz${INDEX_SUFFIX}`), 'utf8'),
  )
  for (const view of [index.views.v4, index.views.legacy['phage-seven'], index.archive]) {
    for (const id of [view.md5, view.sha256]) {
      const answer = await get(`/archives/${id}`)
      t.equal(digest('sha256', answer.rawPayload), view.sha256)
      t.match(answer.headers['cache-control'], /immutable/)
    }
  }
  const { folder, config } = await exampleCopy(t)
  const old = (await readRawConfig(config)).genomes?.[T7]?.assets?.fasta?.tags?.v2?.archive_digest
  await importArchives(await openServerTarget(config, folder), { registryPaths: ['t7/fasta:v2'] })
  const imported = await startApp(t, { config, archiveFolder: folder })
  await imported.depot.check()
  const gone = await imported.app.inject(`/archives/${old}`)
  t.equal(gone.statusCode, 410)
  t.match(gone.json(), {
    code: 'archive-replaced',
    detail: /the same files are in the archive [0-9a-f]{32}/,
  })
})

t.test(
  'an archive that was replaced under a running server is not sent under the old digest',
  async t => {
    const { get, made, depot } = await served(t)
    const url = `/v3/assets/archive/${T7}/fasta`
    t.equal((await get(url)).statusCode, 200)
    await writeFile(join(made.tagFolder('fasta'), `${T7}.chrom.sizes`), 'changed')
    await createArchives(await openTarget(made.config), { registryPaths: [], force: true })
    await wait(BELIEVED_MS)
    t.equal((await get(url)).statusCode, 503)
    t.equal((await get(`/t7/assets/fasta/files/${T7}.fa`)).statusCode, 503)
    t.equal(
      (await get('/v2/asset/t7/fasta')).statusCode,
      200,
      'attributes are those of the old config',
    )
    await depot.reload()
    t.equal((await get(url)).statusCode, 200)
  },
)

t.test('an index that is none, or of another archive, is as good as none', async t => {
  const { get, made, depot } = await served(t)
  const index = join(made.archiveFolder, T7, `fasta__default.tgz${INDEX_SUFFIX}`)
  const text = await readFile(index, 'utf8')
  const url = `/t7/assets/fasta/files/${T7}.fa.gz`
  t.equal((await get(url)).statusCode, 200)
  for (const broken of [
    '',
    '{}',
    text.replace('"version":1', '"version":2'),
    text.replace(/"size":\d+/, '"size":1'),
  ]) {
    await writeFile(index, broken)
    await wait(BELIEVED_MS)
    t.equal((await get(url)).statusCode, 404, 'no derived files')
    t.equal(
      (await get(`/t7/assets/fasta/files/${T7}.fa`)).statusCode,
      200,
      'but files, by unpacking',
    )
  }
  await writeFile(
    index,
    text.replace(/("t7":\{[^}]*"md5":")([0-9a-f])/, (_, before: string, digit: string) =>
      before.concat(digit === '0' ? '1' : '0'),
    ),
  )
  t.match(await depot.check(), [
    { problem: 'damaged', reason: /the alias-named archive has the md5/ },
  ])
  await rm(index)
  await rename(join(made.archiveFolder, T7, 'fasta__default.tgz'), join(made.archiveFolder, 'x'))
  t.equal((await get(url)).statusCode, 404)
  t.same((await get('/t7/assets/fasta/files/')).json(), [])
  t.match((await get('/t7/assets/fasta')).json(), { archive: { bytes: null } })
  t.equal((await get('/v2/asset/t7/fasta')).statusCode, 200)
})
