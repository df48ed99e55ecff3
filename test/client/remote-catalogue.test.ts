/** What servers have, as a client sees it: refdepot and what knows API v3 only. */
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { openServerTarget, openTarget } from '../../src/archive/archive-target.ts'
import { createArchives } from '../../src/archive/create-archives.ts'
import { changeServerConfig } from '../../src/archive/withdraw.ts'
import { withdrawTag } from '../../src/archive/withdrawal-record.ts'
import { RemoteCatalogue } from '../../src/client/remote-catalogue.ts'
import { Network } from '../../src/transfer/network.ts'
import { LAMBDA, T7 } from '../support/genome-fixtures.ts'
import { genomeFolder } from '../support/genome-folder.ts'
import { startApp } from '../support/start-app.ts'
import { v3Only } from '../support/v3-only.ts'

// Nothing listens there.
const DEAD = 'http://127.0.0.1:9'
const QUICK = { retries: 2, pauseMs: 1 }
const FASTA = await readFile(`example/${T7}/fasta__default.tgz`)
const hex = (name: string) => createHash(name).update(FASTA).digest('hex')

/** A catalogue of servers. */
function catalogueOf(t: Test, servers: string[], mirrors: string[] = []) {
  const network = new Network(QUICK)
  t.teardown(() => network.close())
  const notes: string[] = []
  const catalogue = new RemoteCatalogue({
    network,
    servers,
    mirrors,
    note: text => notes.push(text),
  })
  const list = async (query = {}) => {
    const all = []
    for await (const listed of catalogue.list(query)) all.push(listed)
    return all
  }
  return { catalogue, notes, list }
}

/** A server before another one, which asks it for the path that `meant` makes of each. */
async function before(t: Test, origin: string, meant: (path: string) => Promise<string>) {
  const server = createServer(async (request, response) => {
    const answer = await fetch(origin + (await meant(request.url ?? '/')))
    const headers = { 'content-type': answer.headers.get('content-type') ?? '' }
    response.writeHead(answer.status, headers).end(Buffer.from(await answer.arrayBuffer()))
  })
  await new Promise<void>(done => server.listen(0, '127.0.0.1', done))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

t.test('tells everything of an asset', async t => {
  const { listen, depot } = await startApp(t)
  const url = await listen()
  await depot.check()
  const old = await v3Only(t, url)
  const asset = {
    registryPath: 't7/fasta:default',
    genome: { digest: T7, aliases: ['t7'], description: /T7/ },
    asset: { name: 'fasta', defaultTag: 'default' },
    tag: 'default',
    attributes: {
      asset_path: 'fasta',
      asset_digest: '51a58ef25e4f1d7e76f226fd5655754f',
      archive_digest: hex('md5'),
      seek_keys: { fasta: `${T7}.fa` },
      asset_children: [`${T7}/bowtie2_index:default`, `${T7}/bwa_index:default`],
    },
    archive: { md5: hex('md5'), size: FASTA.length },
  }
  t.match(await catalogueOf(t, [url]).catalogue.resolve('t7/fasta'), {
    ...asset,
    server: url,
    asset: { ...asset.asset, description: /DNA sequences/ },
    archive: {
      ...asset.archive,
      sha256: hex('sha256'),
      indexed: true,
      urls: [`${url}/archives/${hex('md5')}`],
    },
  })
  const foreign = await catalogueOf(t, [old.url]).catalogue.resolve('t7/fasta:default')
  t.match(foreign, {
    ...asset,
    server: old.url,
    archive: {
      ...asset.archive,
      indexed: false,
      urls: [`${old.url}/v3/assets/archive/${T7}/fasta?tag=default`],
    },
  })
  t.equal(foreign.archive.sha256, undefined)
})

t.test('finds by digest, alias and name, and adds every other place', async t => {
  const { listen, depot } = await startApp(t)
  const url = await listen()
  await depot.check()
  const old = await v3Only(t, url)
  const urls = [
    `${url}/archives/${hex('md5')}`,
    `${old.url}/v3/assets/archive/${T7}/fasta?tag=default`,
  ]
  const ours = catalogueOf(t, [url, old.url], [url, DEAD])
  const theirs = catalogueOf(t, [old.url], [url])
  for (const wanted of [
    `${T7}/fasta`,
    't7/fasta:default',
    hex('md5'),
    `md5:${hex('md5')}`,
    '51a58ef25e4f1d7e76f226fd5655754f',
    { genome: 't7', asset: 'fasta' },
  ]) {
    t.same((await ours.catalogue.resolve(wanted)).archive.urls, urls, JSON.stringify(wanted))
    t.same((await theirs.catalogue.resolve(wanted)).archive.urls, [...urls].reverse())
  }
  const bySha256 = await ours.catalogue.resolve(`sha256:${hex('sha256')}`)
  t.same(bySha256.registryPath, 't7/fasta:default')
  await t.rejects(theirs.catalogue.resolve(hex('sha256')), { code: 'unknown-archive' })
  t.equal(ours.notes.length, 1, 'told once')
  t.match(ours.notes[0], /^nothing comes from http.*: cannot read http.*: nothing answers there/)
})

t.test('asks a far server for a genome and an asset at once', async t => {
  const { listen, depot } = await startApp(t)
  const origin = await listen()
  await depot.check()
  const asked: string[] = []
  let come = () => {}
  const bothCame = new Promise<void>(done => {
    come = done
  })
  // Neither is answered before both have come: whoever asks one after the other waits for ever.
  const url = await before(t, origin, async path => {
    asked.push(path)
    if (asked.length === 3) come()
    if (asked.length > 1) await bothCame
    return path
  })
  t.match(await catalogueOf(t, [url]).catalogue.resolve('t7/fasta'), { genome: { digest: T7 } })
  t.equal(asked[0], '/service-info')
  t.same(asked.slice(1).sort(), ['/genomes/t7', '/t7/assets/fasta'], 'and for nothing else')
})

t.test('an alias may be the name of something else at the server, or before it', async t => {
  const { listen, depot } = await startApp(t)
  const origin = await listen()
  await depot.check()
  const others = [
    // What a later version may answer, a page, nothing, and another genome.
    ['/genomes', '/v3/genomes/list'],
    ['/', '/'],
    ['/nothing', '/nothing'],
    [`/genomes/${LAMBDA}`, `/${LAMBDA}/assets/fasta`],
  ] as const
  for (const [genome, asset] of others) {
    const meant: Record<string, string> = { '/genomes/t7': genome, '/t7/assets/fasta': asset }
    if (genome.endsWith(LAMBDA)) meant[`/genomes/${T7}`] = genome
    const url = await before(t, origin, async path => meant[path] ?? path)
    const { catalogue } = catalogueOf(t, [url])
    const name = genome.endsWith(LAMBDA) ? `${T7}/fasta` : 't7/fasta'
    t.match(
      await catalogue.resolve(name),
      { genome: { digest: T7, aliases: ['t7'] }, archive: { md5: hex('md5') } },
      genome,
    )
  }
})

t.test('names what is missing, and what may have been meant', async t => {
  const { listen } = await startApp(t)
  const url = await listen()
  const old = await v3Only(t, url)
  for (const { catalogue, list } of [catalogueOf(t, [url]), catalogueOf(t, [old.url])]) {
    await t.rejects(catalogue.resolve('t8/fasta'), {
      code: 'unknown-genome',
      message: /^there is no genome t8 at http.*; did you mean t7\?$/,
    })
    await t.rejects(catalogue.resolve(`${'0'.repeat(48)}/fasta`), { code: 'unknown-genome' })
    await t.rejects(catalogue.resolve('t7/fasat'), {
      code: 'unknown-asset',
      message: /^there is no asset t7\/fasat at http.*; did you mean fasta\?$/,
    })
    await t.rejects(catalogue.resolve('lambda/rrbs'), { message: /it has bowtie2_index, / })
    await t.rejects(catalogue.resolve('t7/fasta:nine'), {
      code: 'unknown-tag',
      message: /^there is no tag t7\/fasta:nine at http.*; it has default, v2$/,
    })
    await t.rejects(catalogue.resolve('f'.repeat(32)), { code: 'unknown-archive' })
    await t.rejects(list({ genome: 't8' }), { code: 'unknown-genome' })
    await t.rejects(catalogue.resolve('fasta'), {
      code: 'usage-invalid',
      message: /no registry path/,
    })
    await t.rejects(catalogue.resolve('t7/../x'), { code: 'usage-invalid' })
  }
  await t.rejects(catalogueOf(t, [url, old.url]).catalogue.resolve('t7/fasta:v9'), {
    code: 'unknown-tag',
  })
  t.throws(() => catalogueOf(t, []), { code: 'usage-invalid', message: /no server is named/ })
})

t.test('lists and searches', async t => {
  const { listen } = await startApp(t)
  const url = await listen()
  const old = await v3Only(t, url)
  const { list } = catalogueOf(t, [url])
  const foreign = catalogueOf(t, [old.url])
  const names = (all: Awaited<ReturnType<typeof list>>) =>
    all.map(({ genome, asset, tag }) => `${genome.aliases[0]}/${asset}:${tag}`).sort()
  t.equal((await list()).length, (await foreign.list()).length)
  t.ok((await list()).length > 3)
  for (const query of [
    { genome: 't7' },
    { genome: LAMBDA, asset: 'fasta' },
    { asset: 'fasta' },
    { words: 'BOWTIE phage' },
    { words: 'burrows-wheeler' },
    { words: hex('md5') },
    { asset: 'nothing' },
  ]) {
    t.same(names(await list(query)), names(await foreign.list(query)), JSON.stringify(query))
  }
  t.match(await list({ words: hex('md5') }), [
    {
      server: url,
      genome: { digest: T7, aliases: ['t7'] },
      asset: 'fasta',
      tag: 'default',
      isDefault: true,
      archive: { md5: hex('md5'), size: FASTA.length, sizeText: '12.83 KB' },
    },
  ])
  t.same(
    (await catalogueOf(t, [url, old.url]).list({ genome: 't7' })).map(({ server }) => server),
    [url, url, url, url],
    'the first server counts',
  )
})

t.test('of what was withdrawn it tells the reason, and takes it from nowhere else', async t => {
  const spec = (text: string) => ({
    files: { 'x.fa': `>${text}\nACGT\n` },
    attributes: { seek_keys: { fasta: 'x.fa', dir: '.' } },
  })
  const made = await genomeFolder(t, { 'fasta:v1': spec('one'), 'fasta:v2': spec('two') }, ['t7'])
  await createArchives(await openTarget(made.config), { registryPaths: [], jobs: 1 })
  const source = { config: made.config, archiveFolder: made.archiveFolder }
  const before = await startApp(t, source)
  const old = await before.listen()
  const latest = await catalogueOf(t, [old]).catalogue.resolve('t7/fasta:latest')
  t.equal(latest.registryPath, 't7/fasta:v2')
  await changeServerConfig(await openServerTarget(made.config), config =>
    withdrawTag(
      config,
      { genome: T7, asset: 'fasta', tag: 'v1' },
      { reason: 'wrong strand', at: 'then', successor: { genome: T7, asset: 'fasta', tag: 'v2' } },
    ),
  )
  const { listen, depot } = await startApp(t, source)
  await depot.check()
  const { catalogue, notes } = catalogueOf(t, [await listen(), old])
  await t.rejects(catalogue.resolve('t7/fasta:v1'), {
    fault: 'gone',
    code: 'remote-missing',
    message: /was withdrawn: wrong strand; use .*fasta:v2 instead/,
  })
  t.same(notes, [])
  const other = await catalogue.resolve('t7/fasta')
  t.match(other, { archive: { sha256: /^[0-9a-f]{64}$/ } })
  t.equal(other.tag, 'v2', 'the default tag is the other one now')
})

t.test('tells apart what is wrong with a server', async t => {
  const { listen } = await startApp(t)
  const url = await listen()
  const answers = { status: 200, body: '<html>welcome</html>' }
  let asked = 0
  const other = createServer((_, response) => {
    asked += 1
    response.writeHead(answers.status, { 'content-type': 'text/html' }).end(answers.body)
  })
  await new Promise<void>(done => other.listen(0, '127.0.0.1', done))
  t.teardown(() => other.close())
  const at = `http://127.0.0.1:${(other.address() as AddressInfo).port}`
  await t.rejects(catalogueOf(t, [at]).catalogue.resolve('t7/fasta'), {
    fault: 'answer',
    message: /is no refdepot and no refgenieserver/,
  })
  answers.status = 502
  asked = 0
  const { catalogue, notes } = catalogueOf(t, [at, url])
  t.equal((await catalogue.resolve('t7/fasta')).server, url, 'the next server is asked')
  t.equal(asked, 3, 'after two more attempts')
  t.match(notes, [/answers 502/, /nothing comes from/])
  await catalogue.resolve('t7/bwa_index')
  t.equal(asked, 3, 'not asked again')
  await t.rejects(catalogue.resolve('t7/nothing'), { message: /answers 502/ })
  answers.status = 401
  await t.rejects(catalogueOf(t, [at]).list(), { code: 'forbidden' })
  await t.rejects(catalogueOf(t, [DEAD]).list(), { message: /nothing answers there/ })
  t.ok((await catalogueOf(t, [DEAD, url]).list()).length > 3)
})

t.test('a server whose first answer breaks off is asked again, then the next one', async t => {
  const { listen } = await startApp(t)
  const url = await listen()
  let asked = 0
  const torn = createServer((_, response) => {
    asked += 1
    response.writeHead(200, { 'content-length': 5000 }).write('{"id":')
    setTimeout(() => response.destroy(), 20)
  })
  await new Promise<void>(done => torn.listen(0, '127.0.0.1', done))
  t.teardown(() => torn.close())
  const at = `http://127.0.0.1:${(torn.address() as AddressInfo).port}`
  await t.rejects(catalogueOf(t, [at]).list(), { fault: 'broken-off', message: /service-info/ })
  t.equal(asked, 3)
  t.equal((await catalogueOf(t, [at, url]).catalogue.resolve('t7/fasta')).server, url)
})

t.test('a depot whose answer is mangled is not taken for another program', async t => {
  const mangled = createServer((_, response) => {
    response.socket?.end('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n')
  })
  await new Promise<void>(done => mangled.listen(0, '127.0.0.1', done))
  t.teardown(() => mangled.close())
  const at = `http://127.0.0.1:${(mangled.address() as AddressInfo).port}`
  await t.rejects(catalogueOf(t, [at]).list(), { message: /service-info/ })
})

t.test('does not believe names that lead elsewhere', async t => {
  const attributes = {
    archive_digest: 'a'.repeat(32),
    archive_size: '1 KB',
    asset_path: '../../../etc',
    seek_keys: { fasta: 'x.fa', up: '../../x', root: '/etc/passwd', dir: '.' },
  }
  let tag = 'default'
  const evil = createServer((request, response) => {
    const path = (request.url ?? '').replace(/\?.*/, '')
    const json = (value: unknown) => response.end(JSON.stringify(value))
    if (path === '/v3/genomes/list') json([T7])
    else if (path === `/v3/genomes/attrs/${T7}`) json({ genome_description: 7 })
    else if (path === `/v3/genomes/aliases/${T7}`) json(['t7', '..', 'a/b', 5, '', 'ok'])
    else if (path.startsWith('/v3/genomes/genome_digest/')) response.end('../../etc')
    else if (path.startsWith('/v3/assets/default_tag/')) response.end(tag)
    else if (path.startsWith('/v3/assets/attrs/')) json(attributes)
    else if (path.startsWith('/v3/assets/archive/')) response.end('archive')
    else if (path === '/_private_api/genomes/dict') json([])
    else response.writeHead(404).end('{}')
  })
  await new Promise<void>(done => evil.listen(0, '127.0.0.1', done))
  t.teardown(() => evil.close())
  const url = `http://127.0.0.1:${(evil.address() as AddressInfo).port}`
  const asset = await catalogueOf(t, [url]).catalogue.resolve(`${T7}/fasta`)
  t.same(asset.genome, { digest: T7, aliases: ['t7', 'ok'] })
  t.equal(asset.attributes.asset_path, 'fasta')
  t.same(asset.attributes.seek_keys, { fasta: 'x.fa', dir: '.' })
  t.equal(asset.archive.size, 7, 'a server without ranges tells it too')
  await t.rejects(catalogueOf(t, [url]).catalogue.resolve('t7/fasta'), {
    message: /no digest of a genome/,
  })
  await t.rejects(catalogueOf(t, [url]).list(), { message: /no list of genomes/ })
  tag = '../../x'
  await t.rejects(catalogueOf(t, [url]).catalogue.resolve(`${T7}/fasta`), {
    message: /a name that cannot be one/,
  })
  tag = 'default'
  attributes.archive_digest = 'x'
  await t.rejects(catalogueOf(t, [url]).catalogue.resolve(`${T7}/fasta`), {
    message: /no digest of the archive/,
  })
  attributes.archive_size = 7 as unknown as string
  await t.rejects(catalogueOf(t, [url]).catalogue.resolve(`${T7}/fasta`), {
    message: /no attributes of a tag/,
  })
})
