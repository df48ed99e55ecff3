/** Datasets in a real S3-compatible bucket: uploaded once, broken off, downloaded, served without any local folder. */
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { genomeDigestOf } from '../../src/domain/dataset.ts'
import { PART_SIZE } from '../../src/storage/store-writer.ts'
import { noise } from '../support/content-shapes.ts'
import { dataFolder, filesBelow, ODD_FILES } from '../support/data-folder.ts'
import { serveFrom } from '../support/peers/bucket.ts'
import { faultyProxy } from '../support/peers/faulty-proxy.ts'
import { partsIn } from '../support/peers/part-gate.ts'
import { run } from '../support/peers/run.ts'
import { startS3 } from '../support/peers/versitygw.ts'

const KIT = 'capturekit/agilent'
const GENOME = genomeDigestOf({ nature: 'capturekit', type: 'common' })
const MAIN = 'dist/cli/main.js'
// What tells that a version is complete is sent too.
const MARKER_BYTES = 10_000

async function withBucket(t: Test) {
  const made = await dataFolder(t)
  await made.wants({ [KIT]: 'v1.0' })
  await made.put(KIT, ODD_FILES)
  const s3 = await startS3(t)
  const place = `s3://${s3.bucket}/data`
  const elsewhere = join(made.top, 'elsewhere')
  // The names of the old tool for its credentials.
  const { AWS_ACCESS_KEY_ID: key, AWS_SECRET_ACCESS_KEY: secret, ...rest } = s3.env
  const { AWS_ACCESS_KEY_ID: _k, AWS_SECRET_ACCESS_KEY: _s, ...own } = process.env
  const env = { ...own, ...rest, SPACES_KEY: key, SPACES_SECRET: secret, REFDEPOT_STORE: place }
  const dataset = (data: string, command: string, ...args: string[]) =>
    run(
      process.execPath,
      [MAIN, 'dataset', '-d', made.list, '--data', data, command, '--json', ...args],
      { env },
    )
  const here = (command: string, ...args: string[]) => dataset(made.data, command, ...args)
  const there = (command: string, ...args: string[]) => dataset(elsewhere, command, ...args)
  const objects = join(s3.folder, 'data', 'capturekit/common/agilent')
  const serve = () => serveFrom(t, s3, place)
  return { made, s3, place, elsewhere, env, here, there, objects, serve }
}

const last = (stdout: string) => JSON.parse(stdout.trim().split('\n').at(-1) ?? '')
const digest = (algorithm: string, bytes: Buffer) =>
  createHash(algorithm).update(bytes).digest('hex')

async function body(url: string, headers = {}): Promise<Buffer> {
  const answer = await fetch(url, { headers })
  if (!answer.ok) throw new Error(`${url}: ${answer.status}`)
  return Buffer.from(await answer.arrayBuffer())
}

async function settled(url: string): Promise<void> {
  for (let i = 0; i < 100 && !(await fetch(url)).ok; i += 1) await wait(100)
}

t.test('uploaded once, downloaded, and every status agrees', async t => {
  const { made, here, there, objects, elsewhere } = await withBucket(t)
  t.match(await here('upload'), { code: 1, stdout: /it is not packaged/ })
  t.equal((await here('package')).code, 0)
  const first = await here('upload')
  t.equal(first.code, 0, first.stderr + first.stdout)
  t.match(last(first.stdout), { done: 1, failed: 0, generation: 1 })
  t.strictSame(await filesBelow(join(objects, 'v1.0')), await filesBelow(made.folder(KIT)))
  const second = await here('upload')
  t.match(last(second.stdout), { done: 1, bytes: 0, generation: 1 })
  t.match(await there('status'), { code: 1 })
  t.match(await there('download', '--threads', '4'), { code: 0 })
  t.strictSame(await filesBelow(elsewhere), await filesBelow(made.data))
  t.match(await there('status', '--deep'), { code: 0 })
  // v1.1: files and marker of the same size.
  await made.wants({ [KIT]: 'v1.1' })
  await made.put(KIT, { 'block.bin': noise(65_281).subarray(1) })
  t.equal((await here('package')).code, 0)
  t.match(last((await here('upload')).stdout), { generation: 2 })
  t.match(last((await there('download')).stdout), { done: 1, bytes: 65_280 })
  t.match(await there('status', '--deep'), { code: 0 })
  t.match(last((await there('download', '--version', 'v1.0')).stdout), { bytes: 65_280 })
  t.match(last((await there('download', '--version', 'v3')).stdout), { failed: 1 })
  // What is published never changes.
  await made.put(KIT, { 'block.bin': 'other' })
  t.equal((await here('package')).code, 0)
  t.match(await here('upload'), { code: 1, stdout: /has this version with other content/ })
})

t.test('an upload that is killed goes on where it was', async t => {
  const { made, here, there, s3, env } = await withBucket(t)
  await made.put(KIT, { 'big.bin': noise(60_000_000) })
  await here('package')
  const args = [MAIN, 'dataset', '-d', made.list, '--data', made.data, 'upload']
  const between = await faultyProxy(t, s3.endpoint, [])
  const halfWay = between.gate.close(2, 'big.bin')
  const child = spawn(process.execPath, args, {
    env: { ...env, AWS_ENDPOINT_URL_S3: between.url },
    stdio: 'ignore',
  })
  const ended = once(child, 'exit')
  await Promise.race([halfWay, ended])
  child.kill('SIGKILL')
  await ended
  const kept = (await partsIn(s3.folder)).reduce((sum, part) => sum + part, 0)
  t.match(await there('download'), { code: 3, stdout: /incomplete or not there/ })
  const healed = await here('upload')
  t.equal(healed.code, 0, healed.stdout)
  const total = Object.values(ODD_FILES).reduce((sum, file) => sum + Buffer.byteLength(file), 0)
  const { bytes } = last(healed.stdout)
  t.ok(kept >= PART_SIZE, `${kept} were there`)
  t.ok(bytes < total + 60_000_000 - kept + MARKER_BYTES, `${bytes} sent, ${kept} were there`)
  t.match(await there('download'), { code: 0 })
})

t.test('damage in the bucket is found, and nothing of it arrives', async t => {
  const { here, there, objects, elsewhere } = await withBucket(t)
  await here('package')
  await here('upload')
  const path = join(objects, 'v1.0/GRCh37/deep/er/noise.bin')
  const bytes = await readFile(path)
  bytes[2_000_000] = (bytes[2_000_000] as number) ^ 1
  await writeFile(path, bytes)
  t.match(await there('download'), { code: 5, stdout: /noise\.bin is damaged/ })
  await mkdir(elsewhere, { recursive: true })
  t.same(await filesBelow(elsewhere), {})
})

t.test('served from the bucket alone, in every form', async t => {
  const { made, here, objects, serve } = await withBucket(t)
  await here('package')
  await here('upload')
  const wanted = await filesBelow(made.folder(KIT))
  await rm(made.data, { recursive: true })
  const server = await serve()
  const page = `${server}/capturekit.common/assets/agilent`
  await settled(`${page}/checksums`)
  const archive = await body(`${server}/v3/assets/archive/${GENOME}/agilent`)
  t.match(
    String(await body(`${page}/checksums`)),
    new RegExp(digest('sha256', archive)),
    'as advertised',
  )
  const out = join(made.top, 'out')
  await mkdir(out)
  await writeFile(join(made.top, 'a.tgz'), archive)
  const untarred = await run('tar', ['xzf', join(made.top, 'a.tgz'), '-C', out])
  t.equal(untarred.code, 0, untarred.stderr)
  const { DATA_READY: _, ...files } = wanted
  t.strictSame(await filesBelow(join(out, 'v1.0')), files)
  for (const [path, content] of Object.entries(ODD_FILES)) {
    const url = `${page}/files/${path.split('/').map(encodeURIComponent).join('/')}`
    t.ok((await body(url)).equals(Buffer.from(content)), path)
  }
  for (const url of [
    '/v3/genomes/list',
    '/v3/assets/list',
    `/v3/assets/attrs/${GENOME}/agilent`,
    '/v2/asset/capturekit.common/agilent/archive',
    `/v3/assets/dir_contents/${GENOME}/agilent`,
    `/archives/${digest('md5', archive)}`,
    `/objects/${digest('sha256', Buffer.from(ODD_FILES['block.bin'] as Buffer))}`,
  ]) {
    t.ok((await fetch(server + url)).ok, url)
  }
  const tar = await body(`${page}/archive?format=tar`)
  for (let i = 0; i < 100; i += 1) {
    for (const [url, whole] of [
      [`${page}/archive`, archive],
      [`${page}/archive?format=tar`, tar],
    ] as const) {
      const start = Math.floor(Math.random() * whole.length)
      const end = Math.min(whole.length, start + 1 + Math.floor(Math.random() * 100_000))
      const part = await body(url, { range: `bytes=${start}-${end - 1}` })
      if (!part.equals(whole.subarray(start, end))) t.fail(`${url}: bytes ${start} to ${end}`)
    }
  }
  // A file that is replaced under the server is no answer any more: at the most the server still has its checked bytes in memory.
  const path = join(objects, 'v1.0/GRCh37/deep/er/noise.bin')
  await writeFile(path, noise(2_500_001).subarray(1))
  const ended = await body(`${page}/archive`).catch(() => undefined)
  t.equal(ended, undefined)
  const noisy = 'files/GRCh37/deep/er/noise.bin'
  const kept = await body(`${page}/${noisy}`).catch(() => undefined)
  t.ok(kept?.equals(ODD_FILES['GRCh37/deep/er/noise.bin'] as Buffer) ?? true, 'never other bytes')
  const fresh = `${await serve()}/capturekit.common/assets/agilent`
  await settled(`${fresh}/checksums`)
  t.equal(await body(`${fresh}/${noisy}`).catch(() => undefined), undefined, 'nothing in memory')
  t.equal(String(await body(`${page}/files/GRCh37/targets.bed`)), '1\t100\t200\n')
})
