/** `refdepot manifest`: of servers of both kinds, of an archive folder, in every format, kept at a server. */
import { createHash } from 'node:crypto'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { openTarget } from '../../src/archive/archive-target.ts'
import { createArchives } from '../../src/archive/create-archives.ts'
import { parseManifest } from '../../src/domain/manifest.ts'
import { LazyState } from '../../src/state/lazy-state.ts'
import { EXAMPLE_FLAGS } from '../support/example-folder.ts'
import { LAMBDA, T7 } from '../support/genome-fixtures.ts'
import { genomeFolder, USUAL } from '../support/genome-folder.ts'
import { serveCli } from '../support/run-cli.ts'
import { runHere } from '../support/run-here.ts'
import { startApp } from '../support/start-app.ts'
import { v3Only } from '../support/v3-only.ts'

const FASTA = await readFile(`example/${T7}/fasta__default.tgz`)
const hex = (name: string, bytes = FASTA) => createHash(name).update(bytes).digest('hex')
const QUICK = ['--retries', '1']

const manifest = (...args: string[]) => runHere(['manifest', ...args, ...QUICK])
const rowsIn = (text: string) => parseManifest(text).rows

/** A server over the bundled example. */
async function example(t: Test) {
  const { listen, depot } = await startApp(t)
  const url = await listen()
  await depot.check()
  return url
}

t.test('of a server: what is named, what a genome has, everything', async t => {
  const url = await example(t)
  const named = await manifest('create', 't7/fasta', hex('md5'), '--server', url)
  t.equal(named.code, 0, named.stderr)
  t.same(rowsIn(named.stdout), [
    {
      registryPath: 't7/fasta:default',
      md5: hex('md5'),
      sha256: hex('sha256'),
      size: FASTA.length,
      fileName: 't7__fasta__default.tgz',
      urls: [`${url}/archives/${hex('md5')}`],
      extra: {},
    },
  ])
  const genome = await manifest('create', '--genome', T7, '--server', url)
  const paths = rowsIn(genome.stdout).map(row => row.registryPath)
  t.same(paths.sort(), ['t7/bowtie2_index:default', 't7/bwa_index:default', 't7/fasta:default'])
  const tags = rowsIn((await manifest('create', '--all-tags', '--server', url)).stdout)
  t.ok(tags.some(row => row.registryPath === 't7/fasta:v2'))
  t.ok(tags.some(row => row.registryPath?.startsWith('lambda/')))
  const asset = await manifest('create', '--asset', 'fasta', 't7/fasta:v2', '--server', url)
  t.same(
    rowsIn(asset.stdout).map(row => row.registryPath),
    ['t7/fasta:v2', 'lambda/fasta:default', 't7/fasta:default'],
  )
  const both = await manifest('create', '--asset', 'fasta', '--genome', LAMBDA, '--server', url)
  t.same(
    rowsIn(both.stdout).map(row => row.registryPath),
    ['lambda/fasta:default'],
  )
})

t.test('of a refgenieserver the same, but for what it does not tell', async t => {
  const url = await example(t)
  const old = await v3Only(t, url)
  const told = rowsIn((await manifest('create', '--all-tags', '--server', url)).stdout)
  const { stdout, stderr, code } = await manifest('create', '--all-tags', '--server', old.url)
  t.equal(code, 0, stderr)
  const rows = rowsIn(stdout)
  t.same(
    rows.map(({ registryPath, md5, size }) => ({ registryPath, md5, size })),
    told.map(({ registryPath, md5, size }) => ({ registryPath, md5, size })),
  )
  t.match(rows[0]?.urls[0], `${old.url}/v3/assets/archive/${LAMBDA}/bowtie2_index?tag=default`)
  const xml = (await manifest('create', 't7/fasta', '--server', old.url, '--format', 'meta4'))
    .stdout
  t.match(xml, `<hash type="md5">${hex('md5')}</hash>`)
  t.notMatch(xml, 'pieces')
})

t.test('of an archive folder, with sha256 and pieces where there is an index', async t => {
  const made = await genomeFolder(t, USUAL)
  await createArchives(await openTarget(made.config), { registryPaths: [] })
  const config = ['-c', made.serverConfig]
  const { stdout, code, stderr } = await manifest('create', ...config)
  t.equal(code, 0, stderr)
  const rows = rowsIn(stdout)
  const fasta = rows.find(row => row.registryPath === 't7/fasta:default')
  const bytes = await readFile(join(made.archiveFolder, T7, 'fasta__default.tgz'))
  t.match(fasta, { md5: hex('md5', bytes), sha256: hex('sha256', bytes), size: bytes.length })
  t.same(fasta?.urls, [])
  const one = ['create', 't7/fasta', ...config]
  t.match(await manifest(...one, '--format', 'meta4'), { code: 1, stderr: /has no address/ })
  const server = 'https://refs.example.org'
  const xml = (await manifest(...one, '--format', 'meta4', '--server', server)).stdout
  t.match(xml, `>${server}/archives/${hex('md5', bytes)}<`)
  t.match(xml, `      <hash>${hex('sha256', bytes)}</hash>`, 'one piece: the whole')
  const { listen, depot } = await startApp(t, {
    config: made.serverConfig,
    archiveFolder: made.archiveFolder,
  })
  const url = await listen()
  await depot.check()
  const served = await manifest('create', 't7/fasta', '--server', url, '--format', 'meta4')
  t.equal(served.stdout, xml.replaceAll(server, url), 'the server tells the same')
  const filtered = ['create', ...config, '--genome', 'phage', '--asset', 'fasta']
  t.match(await manifest(...filtered), { code: 3, stderr: /nothing that is archived/ })
  const kept = rowsIn(
    (await manifest('create', ...config, '--genome', 't7', '--asset', 'fasta')).stdout,
  )
  t.equal(kept.length, 1)
  t.match(await manifest('create', 't7/nope', ...config), { code: 3, stderr: /no t7\/nope/ })
  await rm(join(made.archiveFolder, T7, 'fasta__default.tgz'))
  t.match(await manifest('create', ...config), { code: 1, stderr: /is not in the archive folder/ })
  const other = ['create', ...EXAMPLE_FLAGS, 't7/fasta', '--format']
  t.match(await manifest(...other, 'sha256'), { code: 1, stderr: /has no sha256/ })
  t.match((await manifest(...other, 'tsv')).stdout, hex('md5'), 'an archive of another tool')
})

t.test('what is shown in the forms of other tools, from a file, an address, an id', async t => {
  const folder = t.testdir({})
  const state = new LazyState(join(folder, 'state.sqlite'))
  const { token } = await (await state.open()).tokens.create({
    name: 'writer',
    scopes: ['write:t7/*'],
    by: 'me',
  })
  const { listen, depot } = await startApp(t, {}, {}, { state })
  const url = await listen()
  await depot.check()
  const file = join(folder, 'm.tsv')
  await writeFile(file, (await manifest('create', 't7/fasta', '--server', url)).stdout)
  const sums = await manifest('show', file, '--format', 'sha256')
  t.equal(sums.stdout, `${hex('sha256')}  t7__fasta__default.tgz\n`)
  const icgc =
    'repo_code\tfile_id\tobject_id\tfile_format\tfile_name\tfile_size\tmd5\tindex_object_id\tdonor_id\tproject_id\tstudy'
  const old = join(folder, 'icgc.tsv')
  await writeFile(old, `${icgc}\nc\tFI1\to\tBAM\ta.bam\t9\t${hex('md5')}\t\tDO1\tP\tS\n`)
  const shown = JSON.parse((await manifest('show', old, '--format', 'json')).stdout)
  t.match(shown.rows, [{ file_name: 'a.bam', size: 9, object_id: 'o', donor_id: 'DO1' }])
  const env = { REFDEPOT_TOKEN: token }
  const publish = ['manifest', 'publish', file, '--server', url, ...QUICK]
  const published = await runHere(publish, env)
  t.equal(published.code, 0, published.stderr)
  const address = published.stdout.trim()
  t.match(address, new RegExp(`^${url}/manifests/[0-9a-f]{64}$`))
  t.match(published.stderr, /kept until 20/)
  const asJson = JSON.parse((await runHere([...publish, '--json'], env)).stdout)
  t.equal(asJson.url, address)
  const id = address.split('/').at(-1) as string
  for (const source of [[address], [id, '--server', url]]) {
    const { stdout } = await manifest('show', ...source)
    t.equal(stdout, await readFile(file, 'utf8'))
  }
  const bare = join(folder, 'bare.tsv')
  await writeFile(bare, `registry_path\tmd5\tsize\nt7/fasta:default\t${hex('md5')}\t9\n`)
  const aria2 = ['show', bare, '--format', 'aria2']
  t.match(await manifest(...aria2), { code: 1, stderr: /has no address/ })
  t.match((await manifest(...aria2, '--server', url)).stdout, `${url}/archives/${hex('md5')}\n`)
  const asTable = (await manifest('show', bare, '--server', url)).stdout
  t.notMatch(asTable, 'http', 'shown as it is')
  t.match(await manifest('publish', file, '--server', url), { code: 4, stderr: /valid token/ })
  const readable = await (await state.open()).tokens.create({
    name: 'reader',
    scopes: ['read:t7/*'],
    by: 'me',
  })
  t.match(await runHere(publish, { REFDEPOT_TOKEN: readable.token }), { code: 4 })
})

t.test('the operator says who may keep manifests', async t => {
  const { url } = await serveCli(t, [...EXAMPLE_FLAGS, '--manifests', 'off'])
  const answer = await fetch(`${url}/manifests/${'a'.repeat(64)}`)
  t.match(await answer.json(), { status: 404, code: 'manifests-off' })
  const refused = await runHere(['serve', ...EXAMPLE_FLAGS, '--manifests', 'all'])
  t.match(refused, { code: 2, stderr: /--manifests.*token, open or off/ })
})

t.test('what goes wrong', async t => {
  const url = await example(t)
  const file = join(t.testdir({ 'bad.tsv': 'registry_path\tmd5\tsize\nt7/x\tzz\t1\n' }), 'bad.tsv')
  for (const [args, code, stderr] of [
    [['create', '--server', url, '--format', 'xml'], 2, /--format.*tsv, json, meta4/],
    [['create', 't7/nope', '--server', url], 3, /t7.*nope/],
    [['create', 'nope/fasta', '--server', url], 3, /nope/],
    [['create', '--genome', 'nope', '--server', url], 3, /nope/],
    [['create', '--asset', 'nope', '--server', url], 3, /nothing that is archived was asked for/],
    [['create', 't7/fasta'], 2, /no server is named/],
    [['show', file], 1, /line 2: md5 'zz' is not 32 hexadecimal digits/],
    [['show', `${file}.not`], 2, /no such file/],
    [['show', 'ab'.repeat(32), '--server', url], 3, /no manifest/],
    [['show', `${url}/nowhere`], 3, /404/],
    [['show', `${url}/genomes`], 1, /row 1: 'aliases' is no text/],
    [['publish', file], 2, /--server/],
    [['publish', file, '--server', url], 1, /line 2/],
  ] as const) {
    const finished = await manifest(...args)
    t.match(finished, { code, stdout: '', stderr }, args.join(' '))
  }
})
