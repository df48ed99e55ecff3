/** Locks: the same files again, whatever has become of names since; what is gone is named. */
import { createHash } from 'node:crypto'
import { copyFile, lstat, readdir, readFile, readlink, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { openServerTarget, openTarget, selectTags } from '../../src/archive/archive-target.ts'
import { createArchives } from '../../src/archive/create-archives.ts'
import { publishGeneration } from '../../src/archive/publish-generation.ts'
import { pushArchives } from '../../src/archive/push-archives.ts'
import { contentsDigest } from '../../src/client/lock-file.ts'
import type { RawConfig } from '../../src/config/genome-config-schema.ts'
import { readRawConfig } from '../../src/config/raw-config.ts'
import { openWritableStore } from '../../src/storage/open-store.ts'
import { T7 } from '../support/genome-fixtures.ts'
import { genomeFolder, USUAL } from '../support/genome-folder.ts'
import { run as run_ } from '../support/peers/run.ts'
import { runHere } from '../support/run-here.ts'
import { startApp } from '../support/start-app.ts'

/** A server over a store, and what changes its catalogue. */
async function origin(t: Test) {
  const made = await genomeFolder(t, { ...USUAL, 'fasta:new': { files: { x: 'new' } } })
  await createArchives(await openTarget(made.config), { registryPaths: [], jobs: 1 })
  const top = join(made.archiveFolder, '..')
  const place = join(top, 'store')
  const to = { place, ...(await openWritableStore(place)) }
  const push = async () => {
    const target = await openServerTarget(made.serverConfig)
    const entries = selectTags(target.source.genomes, [])
    await pushArchives(target, entries, to, { onEvent: () => {} })
  }
  await push()
  const started = await startApp(t, { store: place, config: '', archiveFolder: '' })
  await started.depot.check()
  const url = await started.listen()
  const change = async (how: (config: RawConfig) => void | Promise<void>) => {
    await publishGeneration(to, how)
    await started.depot.reload()
    await started.depot.check()
  }
  const run = (...args: string[]) => runHere([...args, '--retries', '0'])
  return { made, top, place, url, change, push, run, depot: started.depot }
}

/** What was pulled into a folder: files by digest, links, and where they lie. */
async function treeOf(folder: string): Promise<Record<string, string>> {
  const tree: Record<string, string> = {}
  for (const name of (await readdir(folder, { recursive: true })).sort()) {
    const path = join(folder, name)
    const stats = await lstat(path)
    // Records tell when and from where.
    if (name.includes('.refdepot') || stats.isDirectory()) continue
    if (stats.isSymbolicLink()) tree[name] = await readlink(path)
    else if (!name.endsWith('.yaml')) {
      tree[name] = createHash('sha256')
        .update(await readFile(path))
        .digest('hex')
    }
  }
  return tree
}

const tagsOf = (config: RawConfig, asset: string) => {
  const tags = config.genomes?.[T7]?.assets?.[asset]?.tags
  if (tags == null) throw new Error(asset)
  return tags
}

t.test('a year of changes later the same lock gives the same tree', async t => {
  const { made, top, place, url, change, run } = await origin(t)
  const file = join(top, 'refs.lock')
  const locked = await run('lock', 't7/bwa_index', 't7/fasta:default', '--server', url, '-f', file)
  t.match(locked, { code: 0, stdout: '' })
  const text = await readFile(file, 'utf8')
  const again = await run('lock', 't7/fasta', 't7/bwa_index', '--server', url)
  t.equal(again.stdout, text, 'in any order of names')
  const sync = (folder: string) =>
    run('sync', file, '-o', join(top, folder), '--layout', 'refgenie', '--quiet')
  t.match(await sync('now'), { code: 0, stderr: '' })
  const config = await readRawConfig(made.serverConfig)
  /** The files of an archive under the name of another tag, as if it had been pushed so. */
  const renamed = async (from: string, tag: string) => {
    const folder = join(place, 'archives', tagsOf(config, 'fasta')[from]?.archive_digest ?? '')
    for (const name of await readdir(folder)) {
      if (!name.includes(`__${from}.`)) continue
      await copyFile(join(folder, name), join(folder, name.replace(`__${from}.`, `__${tag}.`)))
    }
  }
  // The archive of fasta:default gets another name, and its tag another archive.
  await renamed('default', 'old')
  await renamed('new', 'default')
  for (let i = 0; i < 100; i += 1) {
    await renamed('new', `extra${i}`)
    await change(now => {
      const genome = now.genomes?.[T7]
      const asset = genome?.assets?.fasta
      if (genome == null || asset == null) throw new Error('no genome')
      genome.aliases = [`phage-${i}`]
      genome.genome_description = `described for the ${i}th time`
      asset.default_tag = `extra${i}`
      const tags = tagsOf(now, 'fasta')
      if (i === 10) Object.assign(tags, { old: tags.default, default: tags.new })
      tags[`extra${i}`] = { ...tags.new, seek_keys: { [`key${i}`]: 'x' } }
      if (i > 0) delete tags[`extra${i - 1}`]
    })
  }
  t.match(
    await run('lock', 't7/fasta', '--server', url),
    { code: 3 },
    'nobody calls it so any more',
  )
  t.match(await sync('later'), { code: 0, stderr: '' })
  const [now, later] = [await treeOf(join(top, 'now')), await treeOf(join(top, 'later'))]
  t.same(later, now)
  t.ok(now[`data/${T7}/fasta/default/${T7}.fa`])
  t.ok(now[`alias/t7/bwa_index/default/t7.fa.bwt`])
  const genomesIn = async (name: string) =>
    (await readRawConfig(join(top, name, 'genome_config.yaml'))).genomes
  t.same(await genomesIn('later'), await genomesIn('now'), 'the Python client sees the same')
  const relocked = await run('lock', '-o', join(top, 'later'), '--server', url)
  t.same(JSON.parse(relocked.stdout).assets, JSON.parse(text).assets, 'and so does lock')
  const outdated = await run('outdated', file, '--json')
  t.match(JSON.parse(outdated.stdout), [
    { registry_path: 't7/bwa_index:default', state: 'current' },
    { registry_path: 't7/fasta:default', state: 'changed', default_tag: 'extra99' },
  ])
})

t.test('what is there is not fetched again; contents are those of sha256sum', async t => {
  const { made, top, url, run } = await origin(t)
  const file = join(top, 'refs.lock')
  await run('lock', 't7/fasta', '--server', url, '-f', file)
  const folder = join(top, 'flat')
  const sync = () => run('sync', file, '-o', folder, '--layout', 'flat', '--json')
  t.match((await sync()).stdout, /"action":"pulled"/)
  const second = await sync()
  t.match(second.stdout, /"action":"current"/)
  t.notMatch(second.stdout, /"event":"begin"/)
  const { contents } = JSON.parse(await readFile(file, 'utf8')).assets[0]
  const names = (await readdir(made.tagFolder('fasta'))).filter(name => !name.startsWith('_'))
  const files = await Promise.all(
    names.map(async path => {
      const content = await readFile(join(made.tagFolder('fasta'), path))
      return { path, sha256: createHash('sha256').update(content).digest('hex') }
    }),
  )
  t.equal(contentsDigest(files), contents)
  // As docs/lock.md says.
  const shell = `find . -type f -printf '%P\\0' | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum`
  const summed = await run_('bash', ['-c', shell], { cwd: join(folder, 't7', 'fasta') })
  t.equal(summed.stdout, `${contents}  -\n`)
  const local = JSON.parse((await run('lock', '-o', folder)).stdout)
  t.equal(local.assets[0].contents, contents)
  t.same(local.servers, [url], 'a folder knows where it came from')
  t.match(await run('outdated', '-o', folder, '--server', url, '--all'), {
    code: 0,
    stdout: /^ASSET +STATE +AT THE SERVERS\nt7\/fasta:default +current\n$/,
    stderr: '1 of 1 are what the servers have\n',
  })
})

t.test('what is gone is named before anything is fetched', async t => {
  const { top, url, change, run } = await origin(t)
  const file = join(top, 'refs.lock')
  await run('lock', 't7/fasta', 't7/bwa_index', '--server', url, '-f', file)
  const { md5 } = JSON.parse(await readFile(file, 'utf8')).assets[1].archive
  await change(config => {
    delete config.genomes?.[T7]?.assets?.fasta
  })
  const folder = join(top, 'flat')
  const gone = await run('sync', file, '-o', folder, '--layout', 'flat')
  t.match(gone, { code: 3, stderr: new RegExp(`${md5} of t7/fasta:default is gone`) })
  await t.rejects(readdir(folder), 'nothing was fetched')
  const both = ['--server', 'http://127.0.0.1:1', '--server', url]
  const unknown = await run('sync', file, '-o', folder, '--layout', 'flat', ...both)
  t.match(unknown, { code: 1, stderr: /127\.0\.0\.1:1/ }, 'whoever does not answer may have it')
  t.match((await run('outdated', file)).stdout, /t7\/fasta:default +gone +no server has it/)
})

t.test('a server that lies about what is in an archive gets nothing in place', async t => {
  const { top, url, run } = await origin(t)
  const file = join(top, 'refs.lock')
  await run('lock', 't7/fasta', '--server', url, '-f', file)
  const lock = JSON.parse(await readFile(file, 'utf8'))
  // The right bytes of the archive, with two files of the index under each other's name.
  const liar = createServer(async (request, reply) => {
    const headers = request.headers.range === undefined ? {} : { range: request.headers.range }
    const answer = await fetch(url + request.url, { headers })
    const bytes = Buffer.from(await answer.arrayBuffer())
    const isIndex = request.url?.endsWith('/index') === true
    const text = bytes.toString('latin1').replace(/chrom\.sizes|fa\.fai/g, name => {
      return name === 'fa.fai' ? 'chrom.sizes' : 'fa.fai'
    })
    const range = answer.headers.get('content-range')
    const length = isIndex ? Buffer.byteLength(text) : bytes.length
    const sent = { 'content-length': length, ...(range !== null && { 'content-range': range }) }
    reply.writeHead(answer.status, sent)
    reply.end(isIndex ? text : bytes)
  })
  await new Promise<void>(go => liar.listen(0, '127.0.0.1', go))
  t.teardown(() => liar.close())
  const address = liar.address() as { port: number }
  await writeFile(file, JSON.stringify({ ...lock, servers: [`http://127.0.0.1:${address.port}`] }))
  const folder = join(top, 'flat')
  const lied = await run('sync', file, '-o', folder, '--layout', 'flat')
  t.match(lied, { code: 5, stderr: /the lock says/ })
  t.same(
    (await readdir(folder)).filter(name => name !== '.refdepot'),
    [],
  )
})

t.test('the commands refuse what they cannot do', async t => {
  const { top, url, run } = await origin(t)
  const file = join(top, 'refs.lock')
  t.match(await run('lock', 't7/nothing', '--server', url), { code: 3 })
  t.match(await run('lock', 't7/fasta.fai', '--server', url), { code: 2 })
  t.match(await run('lock', 't7/fasta'), { code: 2 })
  t.match(await run('lock', '-o', top), { code: 1, stderr: /nothing that refdepot has pulled/ })
  t.match(await run('sync', file), { code: 1, stderr: /refs\.lock/ })
  await writeFile(file, 'x')
  t.match(await run('sync', file), { code: 1, stderr: /is no lock/ })
  await writeFile(file, '{"format": "refdepot-lock", "version": 2}')
  t.match(await run('sync', file), { code: 1, stderr: /this version/ })
  const lock = { format: 'refdepot-lock', version: 1, servers: [] as string[], assets: [] }
  await writeFile(file, JSON.stringify(lock))
  t.match(await run('sync', file, '-o', join(top, 'x')), { code: 2, stderr: /server/ })
  await writeFile(file, JSON.stringify({ ...lock, servers: ['file:///etc'] }))
  t.match(await run('sync', file, '-o', join(top, 'x')), { code: 2, stderr: /server of the lock/ })
  await rm(file)
})
