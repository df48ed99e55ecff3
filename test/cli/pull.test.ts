/** `refdepot pull` from servers of ours, of others and of both, into folders. */
import { createHash } from 'node:crypto'
import { readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { noise } from '../support/content-shapes.ts'
import { T7 } from '../support/genome-fixtures.ts'
import { USUAL } from '../support/genome-folder.ts'
import { runHere } from '../support/run-here.ts'
import { servedGenomes } from '../support/served-genomes.ts'
import { startApp } from '../support/start-app.ts'
import { v3Only } from '../support/v3-only.ts'

const NOTHING_ELSE = { REFDEPOT_SERVER: '', REFDEPOT_TOKEN: '', NETRC: '/nowhere' }
const pull = (args: string[], env = {}, terminal = false) =>
  runHere(['pull', '--retries', '1', ...args], { ...NOTHING_ELSE, ...env }, terminal)
const events = (stdout: string) =>
  stdout
    .trim()
    .split('\n')
    .map(line => JSON.parse(line))

t.test('fetches assets, finds them the next time, and fetches again by force', async t => {
  const { url, place, made } = await servedGenomes(t)
  const out = place('out')
  const first = await pull(['t7/fasta', 't7/bwa_index:default', '--server', url, '-o', out])
  t.match(first, { code: 0, stdout: /^pulled +t7\/fasta:default {2}\/.*\/out\/t7\/fasta$/m })
  t.match(first.stderr, /2 assets; .* to fetch\n(?:.*\n)*2 pulled, 0 there already, 0 failed/)
  t.same(
    await readFile(join(out, 't7/fasta', `${T7}.fa`)),
    await readFile(join(made.tagFolder('fasta'), `${T7}.fa`)),
  )
  const again = await pull(['--genome', 't7', '--server', url, '-o', out])
  t.match(again, { code: 0, stdout: /^current +t7\/fasta:default/m })
  t.match(again.stderr, /0 pulled, 2 there already, 0 failed, 0.00 B received/)
  const forced = await pull(['t7/fasta', '--server', url, '-o', out, '--force', '--json'])
  t.match(events(forced.stdout).at(-1), { event: 'summary', pulled: 1, current: 0, failed: 0 })
  const dry = await pull(['t7/fasta', '-o', place('dry'), '--dry-run'], { REFDEPOT_SERVER: url })
  t.match(dry, { code: 0, stdout: /^missing +t7\/fasta:default {2}[\d.]+ KB\n$/ })
  t.same(await stat(place('dry')).catch(({ code }) => code), 'ENOENT', 'nothing is written')
})

t.test('keeps archives as they are, by digest, from a server that knows API v3 only', async t => {
  const { url, place, made } = await servedGenomes(t)
  const old = await v3Only(t, url)
  const archive = await readFile(join(made.archiveFolder, T7, 'fasta__default.tgz'))
  const md5 = createHash('md5').update(archive).digest('hex')
  for (const server of [url, old.url]) {
    const out = place(`out-${server === url}`)
    const done = await pull([md5, '--server', server, '-o', out, '--layout', 'digest', '--archive'])
    t.match(done, { code: 0 })
    t.same(await readFile(join(out, `${md5}.tgz`)), archive)
    t.equal((await pull(['t7/bwa_index', '--server', server, '-o', out])).code, 0)
    t.ok(await stat(join(out, 't7/bwa_index', `${T7}.fa.bwt`)))
  }
})

t.test('into a genome folder', async t => {
  const { url, place } = await servedGenomes(t)
  const out = place('genomes-here')
  const made = await pull(['t7/fasta', '--server', url, '-o', out, '--layout', 'refgenie'])
  t.match(made, { code: 0 })
  const config = join(out, 'genome_config.yaml')
  t.match(await readFile(config, 'utf8'), new RegExp(`genome_servers:\\s+- ${url}`))
  t.ok(await stat(join(out, 'alias/t7/fasta/default/t7.fa')))
  t.match(await pull(['t7/fasta', '-c', config]), { code: 0, stdout: /^current/ }, 'its own server')
  t.match(await pull(['t7/bwa_index'], { REFGENIE: config }), {
    code: 0,
    stdout: /data.*bwa_index/,
  })
  t.match(
    await pull(['t7/fasta', '-o', out]),
    { code: 0, stdout: /^current/ },
    'seen by its config',
  )
  t.match(await pull(['t7/fasta', '-c', config, '--only', 'fai']), {
    code: 2,
    stderr: /a genome folder holds whole assets/,
  })
})

t.test('single files', async t => {
  const { url, place } = await servedGenomes(t)
  const out = place('files')
  const one = await pull(['t7/fasta', '--only', 'fai', '--server', url, '-o', out])
  t.match(one, { code: 0 })
  t.same(
    (await readdir(out)).filter(name => name !== '.refdepot'),
    [`${T7}.fa.fai`],
  )
  t.equal(await readFile(join(out, `${T7}.fa.fai`), 'utf8'), 'chr1\t150000\t6\t60\t61\n')
  t.match(await pull(['t7/fasta.fai', '--server', url, '-o', out]), { stdout: /^current/ })
  const sizes = await pull(['t7/fasta', '--only', `${T7}.chrom.sizes`, '--server', url, '-o', out])
  t.equal(sizes.code, 0)
  t.equal(await readFile(join(out, `${T7}.chrom.sizes`), 'utf8'), 'chr1\t150000\n')
  const args = ['--server', url, '-o', out]
  t.match(await pull(['t7/fasta', '--only', 'fia', ...args]), {
    code: 3,
    stderr: /has no seek key and no file fia; did you mean fai/,
  })
  t.match(await pull(['t7/fasta', 't7/bwa_index', '--only', 'dir', ...args]), {
    code: 2,
    stderr: /both have .*; pull them into two folders/,
  })
  await writeFile(join(out, `${T7}.fa.fai`), 'mine')
  t.match(await pull(['t7/fasta', '--only', 'fai', ...args]), {
    code: 1,
    stderr: /is another file; move it away, or replace it with --force/,
  })
  t.equal((await pull(['t7/fasta', '--only', 'fai', '--force', ...args])).code, 0)
  t.equal(await readFile(join(out, `${T7}.fa.fai`), 'utf8'), 'chr1\t150000\t6\t60\t61\n')
  t.match(await pull(['t7/fasta.fai', 't7/bwa_index', ...args]), {
    stderr: /cannot be pulled at once/,
  })
  t.match(await pull(['t7/fasta', '--only', 'fai', '--archive', ...args]), { code: 2 })
  const old = await v3Only(t, url)
  t.match(await pull(['t7/fasta', '--only', 'fai', '--server', old.url, '-o', place('x')]), {
    code: 1,
    stderr: /has no index .*; pull the whole asset/,
  })
})

t.test('what is wrong is told before any byte moves', async t => {
  const { url, place } = await servedGenomes(t)
  const out = place('out')
  const at = ['--server', url, '-o', out]
  t.match(await pull(['t7/fasta', 't8/fasta', ...at]), { code: 3, stderr: /did you mean t7/ })
  t.match(await pull(['t7/fasta:v9', ...at]), { code: 3, stderr: /there is no tag/ })
  t.match(await pull(['0'.repeat(64), ...at]), { code: 3 })
  t.match(await pull(at), { code: 2, stderr: /nothing is asked for/ })
  t.match(await pull(['fasta', ...at]), { code: 2, stderr: /no registry path/ })
  t.match(await pull(['t7/fasta', '-o', out]), { code: 2, stderr: /no server is named/ })
  t.match(await pull(['t7/fasta', '--server', 'ftp://x', '-o', out]), { code: 2 })
  t.match(await pull(['t7/fasta', '--server', 'https://u:secret@x', '-o', out]), {
    code: 2,
    stderr: /^(?!.*secret)/s,
  })
  t.match(await pull(['t7/fasta', '--jobs', '0', ...at]), { code: 2 })
  t.match(await pull(['t7/fasta', '--layout', 'tree', ...at]), { code: 2 })
  t.match(await pull(['t7/fasta', '-c', 'x', ...at]), { code: 2, stderr: /either -c/ })
  t.match(await pull(['t7/fasta', '-c', '/nowhere.yaml', '--server', url]), { code: 3 })
  t.match(await pull(['--manifest', '/nowhere.tsv', ...at]), { code: 2, stderr: /ENOENT/ })
  await writeFile(place('empty.tsv'), 'registry_path\tmd5\tsize\n')
  t.match(await pull(['--manifest', place('empty.tsv'), ...at]), { code: 1, stderr: /no rows/ })
  t.match(await pull(['t7/fasta', '--server', 'http://127.0.0.1:9', '-o', out]), {
    code: 1,
    stderr: /nothing answers there/,
  })
  t.same(await stat(out).catch(({ code }) => code), 'ENOENT')
})

t.test('a manifest, from a file, an address or by its id', async t => {
  const { url, place, made } = await servedGenomes(t)
  const archive = await readFile(join(made.archiveFolder, T7, 'fasta__default.tgz'))
  const md5 = createHash('md5').update(archive).digest('hex')
  const text = `registry_path\tmd5\tsize\tnote\nt7/fasta:default\t${md5}\t${archive.length}\tkept\n`
  await writeFile(place('m.tsv'), text)
  const id = 'a'.repeat(64)
  const asked: string[] = []
  const other = createServer((request, response) => {
    asked.push(request.url ?? '')
    response.writeHead(asked.at(-1)?.endsWith('m.tsv') || asked.at(-1)?.endsWith(id) ? 200 : 404)
    response.end(text)
  })
  await new Promise<void>(done => other.listen(0, '127.0.0.1', done))
  t.teardown(() => other.close())
  const at = `http://127.0.0.1:${(other.address() as AddressInfo).port}`
  for (const [i, source] of [place('m.tsv'), `${at}/m.tsv`].entries()) {
    const done = await pull(['--manifest', source, '--server', url, '-o', place(`out${i}`)])
    t.match(done, { code: 0, stdout: /^pulled +t7\/fasta:default/ }, source)
  }
  t.match(await pull(['--manifest', id, '--server', url, '-o', place('no')]), { code: 3 })
  t.match(await pull(['--manifest', id, '-o', place('no')]), { code: 2 })
  const byId = await pull(['--manifest', id, '--server', at, '--server', url, '-o', place('by-id')])
  t.match(byId, { code: 0, stdout: /^pulled/ })
  t.ok(asked.includes(`/manifests/${id}`))
})

t.test('one that fails does not stop the others', async t => {
  const { url, place, made } = await servedGenomes(t, {
    ...USUAL,
    'star:default': { files: { 'index.bin': noise(50_000) } },
  })
  const path = join(made.archiveFolder, T7, 'star__default.tgz')
  const good = await readFile(path)
  const bad = Buffer.from(good)
  bad.fill(0, 20_000, 20_100)
  await writeFile(path, bad)
  const out = place('out')
  const args = ['--server', url, '-o', out]
  const mixed = await pull(['t7/star', 't7/fasta', ...args, '--json'])
  t.equal(mixed.code, 6, mixed.stderr)
  t.match(
    events(mixed.stdout).find(({ event }) => event === 'failed'),
    { subject: 't7/star:default' },
  )
  t.match(events(mixed.stdout).at(-1), { event: 'summary', pulled: 1, failed: 1 })
  t.same(await stat(join(out, 't7/star')).catch(({ code }) => code), 'ENOENT', 'nothing is short')
  const alone = await pull(['t7/star', ...args, '--quiet'])
  t.equal(alone.code, 5)
  t.match(alone.stderr, /^FAILED {3}t7\/star:default: /)
  t.equal(alone.stdout, '')
  await writeFile(path, good)
  const { listen } = await startApp(t, { config: made.config, archiveFolder: made.archiveFolder })
  const next = await pull(['t7/star', '--server', await listen(), '-o', out])
  t.equal(next.code, 0, 'and the next time')
  t.same(
    await readFile(join(out, 't7/star/index.bin')),
    await readFile(join(made.tagFolder('star'), 'index.bin')),
  )
})

t.test('another place helps out, and an untrusted one does no harm', async t => {
  const { url, place, made } = await servedGenomes(t, {
    'star:default': { files: { 'index.bin': noise(13_000_000) } },
  })
  const archive = join(made.archiveFolder, T7, 'star__default.tgz')
  const content = await readFile(archive)
  let asked = 0
  // Says that it is refdepot, and sends bytes of its own.
  const evil = createServer((request, response) => {
    if (request.url === '/service-info') return response.end('{"id": "org.refdepot.server"}')
    asked += 1
    return response.end(Buffer.alloc(content.length, 'evil'))
  })
  await new Promise<void>(done => evil.listen(0, '127.0.0.1', done))
  t.teardown(() => evil.close())
  const mirror = `http://127.0.0.1:${(evil.address() as AddressInfo).port}`
  const args = ['t7/star', '--server', url, '--mirror', mirror, '--race']
  for (const form of [[], ['--archive']]) {
    const out = place(`out${form.length}`)
    t.equal((await pull([...args, '-o', out, ...form])).code, 0)
    const file = join(out, form.length === 0 ? 't7/star/index.bin' : 't7/star.tgz')
    const wanted = form.length === 0 ? join(made.tagFolder('star'), 'index.bin') : archive
    t.same(await readFile(file), await readFile(wanted))
  }
  t.ok(asked > 0, 'it was asked')
  await rm(archive)
  const alone = await pull(['t7/star', '--server', url, '--mirror', mirror, '-o', place('none')])
  t.not(alone.code, 0)
})

t.test('shows bars on a terminal', async t => {
  const { url, place } = await servedGenomes(t)
  const args = ['t7/fasta', 't7/bwa_index', '--server', url, '-o', place('out')]
  const { code, stderr } = await pull(args, {}, true)
  t.equal(code, 0)
  t.match(stderr, /pulled +t7\/fasta:default/)
  t.match(stderr, /2 pulled, 0 there already/)
})
