/** Archives in a real S3-compatible bucket: pushed, served without any local folder, switched, rolled back. */
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { copyFile, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { T7 } from '../support/genome-fixtures.ts'
import { PROGRAM, runWith, withBucket } from '../support/peers/bucket.ts'
import { faultyProxy } from '../support/peers/faulty-proxy.ts'
import { partsIn } from '../support/peers/part-gate.ts'
import { run } from '../support/peers/run.ts'
import { startOurs } from '../support/peers/servers.ts'

const FASTA = `${T7}.fa`

const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')
const body = async (url: string, headers = {}) =>
  Buffer.from(await (await fetch(url, { headers })).arrayBuffer())

async function settled(url: string, wanted: number): Promise<void> {
  for (let i = 0; i < 100 && (await fetch(url)).status !== wanted; i += 1)
    await new Promise(done => setTimeout(done, 100))
  if ((await fetch(url)).status !== wanted) throw new Error(`${url} is not ${wanted}`)
}

t.test('what is pushed is served from the bucket alone, in every form', async t => {
  const { made, push, serve, s3 } = await withBucket(t)
  const pushed = await push()
  t.equal(pushed.code, 0, pushed.stderr)
  t.match(pushed.stdout, /pushed +6c5f.*\/fasta:default \(.* sent\)/)
  t.match(pushed.stdout, /generation 1: 3 pushed, 0 there already\n$/)
  const wanted = {
    archive: await readFile(join(made.archiveFolder, T7, 'big__default.tgz')),
    fasta: await readFile(join(made.tagFolder('fasta'), FASTA)),
  }
  const local = await startOurs(t, ['-c', made.config])
  await rm(made.genomeFolder, { recursive: true })
  const server = await serve()
  t.same(await body(`${server}/t7/assets/big/archive`), wanted.archive)
  t.same(await body(`${server}/t7/assets/fasta/files/${FASTA}`), wanted.fasta)
  for (const path of [
    '/v3/genomes/list',
    '/v3/assets/list?includeSeekKeys=true',
    `/v3/assets/attrs/${T7}/fasta`,
    `/v3/assets/archive/${T7}/fasta`,
    '/v2/asset/t7/fasta/archive',
    '/v2/asset/phage-seven/fasta/archive',
    `/v3/assets/log/${T7}/fasta`,
    `/v3/assets/recipe/${T7}/fasta`,
    `/v3/assets/dir_contents/${T7}/fasta`,
    '/t7/assets/fasta/archive?format=tar',
    `/t7/assets/fasta/files/${FASTA}.gz`,
    `/t7/assets/fasta/files/${FASTA}.gz.gzi`,
    '/t7/assets/fasta/checksums',
    `/objects/${sha256(wanted.fasta)}`,
  ]) {
    await settled(server + path, 200)
    await settled(local + path, 200)
    t.ok((await body(server + path)).equals(await body(local + path)), path)
  }
  for (let i = 0; i < 200; i += 1) {
    const start = Math.floor(Math.random() * wanted.archive.length)
    const end = Math.min(wanted.archive.length, start + Math.floor(Math.random() * 100_000) + 1)
    const part = await body(`${server}/t7/assets/big/archive`, {
      range: `bytes=${start}-${end - 1}`,
    })
    if (!part.equals(wanted.archive.subarray(start, end))) t.fail(`bytes ${start} to ${end}`)
  }
  const client = await run(
    'samtools',
    ['faidx', `${server}/t7/assets/fasta/files/${FASTA}.gz`, 'chr1:100-160'],
    { cwd: s3.folder },
  )
  t.equal(client.code, 0, client.stderr)
})

t.test(
  'a second push sends nothing, a broken one goes on, and half of one is not to be seen',
  async t => {
    const { push, s3, made, place } = await withBucket(t)
    await push('t7/fasta')
    const names = async () =>
      (await readdir(join(s3.folder, 'refs'), { recursive: true })).filter(name =>
        name.endsWith('.tgz'),
      )
    t.equal((await names()).length, 1)
    const again = await push('t7/fasta')
    t.match(again.stdout, /present +6c5f.*\ngeneration 1: 0 pushed, 1 there already\n/)
    // Killed while it sends: nothing of it can be read, and what was sent is not sent again.
    const between = await faultyProxy(t, s3.endpoint, [])
    const halfWay = between.gate.close(2, 'big__')
    const child = spawn(
      process.execPath,
      [PROGRAM, 'push', '-c', made.config, '--store', place, 't7/big'],
      { env: { ...process.env, ...s3.env, AWS_ENDPOINT_URL_S3: between.url }, stdio: 'ignore' },
    )
    const ended = once(child, 'exit')
    await Promise.race([halfWay, ended])
    child.kill('SIGKILL')
    await ended
    t.notOk(
      (await names()).some(name => name.includes('big__')),
      'a half upload is no object',
    )
    const kept = await partsIn(s3.folder)
    t.equal(kept.length, 2)
    const healed = await push('--json')
    t.equal(healed.code, 0, healed.stderr)
    const events = healed.stdout
      .trim()
      .split('\n')
      .map(line => JSON.parse(line))
    const big = events.find(({ registryPath = '' }) => registryPath.includes('/big:'))
    const { size } = await stat(join(made.archiveFolder, T7, 'big__default.tgz'))
    t.equal(big.action, 'pushed')
    const there = kept.reduce((sum, part) => sum + part, 0)
    t.equal(big.sent, size - there, 'what was there was not sent again')
    t.match(events.at(-1), { event: 'published', present: 1 })
  },
)

t.test('two that push at once make one generation each, and nothing is lost', async t => {
  const { push, command, serve } = await withBucket(t)
  const both = await Promise.all([push('t7/fasta'), push('t7/bwa_index'), push('t7/fasta')])
  for (const { code, stderr } of both) t.equal(code, 0, stderr)
  const server = await serve()
  for (const asset of ['fasta', 'bwa_index'])
    await settled(`${server}/t7/assets/${asset}/archive`, 200)
  await push()
  await settled(`${server}/t7/assets/big/archive`, 200)
  const back = await command('rollback')
  t.match(back.stdout, /^generation \d+ is served now\n$/)
  await settled(`${server}/t7/assets/big/archive`, 404)
  t.equal((await fetch(`${server}/t7/assets/fasta/archive`)).status, 200)
  t.match(await command('rollback', '99'), { code: 1, stderr: /there is no generation 99/ })
  t.match(await command('rollback', 'x'), { code: 2 })
})

/** Damages a file without changing its length. */
async function flipByte(path: string, at: number): Promise<void> {
  const bytes = await readFile(path)
  bytes[at] = (bytes[at] as number) ^ 1
  await writeFile(path, bytes)
}

t.test(
  'a damaged archive is refused with the chunk that is damaged, and what is published stays',
  async t => {
    const { made, push, s3 } = await withBucket(t)
    const archive = join(made.archiveFolder, T7, 'big__default.tgz')
    await copyFile(archive, `${archive}.good`)
    await flipByte(archive, 9_000_000)
    const refused = await push('t7/big')
    t.equal(refused.code, 5)
    t.match(
      refused.stderr,
      /big:default is not published: its archive is damaged in the 4 MiB chunk 2 \(counted from 0\)/,
    )
    t.notOk(
      (await readdir(s3.folder, { recursive: true })).some(name => name.endsWith('current.json')),
    )
    await copyFile(`${archive}.good`, archive)
    t.equal((await push('t7/big')).code, 0)
    await rm(`${archive}.index.json`)
    t.match(await push('t7/big'), {
      code: 1,
      stderr: /no member index; repack it with `refdepot archive import`/,
    })
    await rm(archive)
    t.match(await push('t7/big'), { code: 1, stderr: /its archive is missing/ })
  },
)

t.test(
  'what lies in a bucket is listed and verified; a flipped byte is refused and named',
  async t => {
    const { push, s3, place, serve } = await withBucket(t)
    await push()
    const archives = (...args: string[]) => runWith(s3, 'archive', ...args, '--store', place)
    t.match(await archives('list'), {
      code: 0,
      stdout: /t7\/big:default +s3:\/\/refdepot-test\/refs\//,
    })
    t.match(await archives('verify', '--deep'), { code: 0, stdout: /(?:sound .*\n){3}/ })
    const names = await readdir(join(s3.folder, 'refs'), { recursive: true })
    const name = names.find(it => it.endsWith('/big__default.tgz')) as string
    await flipByte(join(s3.folder, 'refs', name), 9_000_000)
    const found = await archives('verify', '--deep', 't7/big')
    t.match(found, { code: 5, stdout: /damaged in the 4 MiB chunks 2 \(counted from 0\)/ })
    const file = await fetch(`${await serve()}/t7/assets/big/files/big.bin`)
    await t.rejects(file.arrayBuffer(), 'a file that is inflated from it breaks off')
  },
)

t.test('a store with nothing published, and names that are none', async t => {
  const { place, s3 } = await withBucket(t)
  const command = (...args: string[]) =>
    run(process.execPath, ['dist/cli/main.js', ...args], { env: { ...process.env, ...s3.env } })
  t.match(await command('serve', '--store', place, '-p', '0'), {
    code: 3,
    stderr:
      /cannot read the store s3:\/\/refdepot-test\/refs: nothing is published there; run `refdepot push`/,
  })
  t.match(await command('serve', '--store', 's3://X', '-p', '0'), {
    code: 1,
    stderr: /it is no name of a bucket/,
  })
  t.match(await command('serve', '-p', '0'), { code: 2, stderr: /or a store with --store/ })
  t.match(await command('push', '-c', 'x'), { code: 3 })
  t.match(await command('rollback'), { code: 2, stderr: /--store/ })
})

t.test('a bucket that is emptied or down breaks nothing that was answered before', async t => {
  const { push, serve, s3 } = await withBucket(t)
  await push()
  const server = await serve()
  await settled(`${server}/t7/assets/fasta/checksums`, 200)
  for (const name of await readdir(join(s3.folder, 'refs', 'archives')))
    await rm(join(s3.folder, 'refs', 'archives', name), { recursive: true })
  t.equal((await fetch(`${server}/t7/assets/fasta/archive`)).status, 503, 'listed, but gone')
  await s3.stop()
  t.ok((await fetch(`${server}/t7/assets/fasta/archive`)).status >= 500)
  t.equal((await fetch(`${server}/v3/genomes/list`)).status, 200)
  t.equal((await fetch(`${server}/t7/assets/nothing`)).status, 404)
})
