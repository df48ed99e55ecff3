/**
 * Measures what goes through an S3 store against its peers in one run: `node bench/store.mjs [ROUNDS] [push|pull|proxy|redirect…]`.
 *
 * - push: four archives of 128 MiB by `refdepot push`, `aws s3 cp` and `rclone copy`, whole commands with their default settings.
 *   Both over loopback, where the processors are what is short, and with the wire to the store capped to 1 Gbit/s.
 * - pull: the same files by `refdepot dataset download`, which compares digests, and the same two.
 * - proxy: an archive of 512 MiB by curl through `refdepot serve --store`, and from the store by a signed address; over loopback, and with the wire
 *   to the store capped (capped-wire.mjs).
 * - redirect: milliseconds to the first byte behind the 307 of `--serve-from redirect`, less those of the signed address alone.
 *
 * All sides take turns over one store on one disk, which is synced in between; medians count. What arrives is compared with what was sent. The
 * exit code is 1 when a target is missed.
 */
import { execFileSync } from 'node:child_process'
import { linkSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { Agent, get } from 'node:http'
import { cpus, loadavg } from 'node:os'
import { basename, join } from 'node:path'
import { GetObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { getSignedUrl } from '@aws-sdk/s3-request-presigner'
import {
  BUCKET,
  MAIN,
  makeArchives,
  PARTS,
  startServer,
  startStore,
  startWire,
  storeEnv,
  WHOLE,
  WORK,
} from './store-places.mjs'

const ROUNDS = Number(process.argv[2] ?? 5)
const ONLY = process.argv.slice(3)
const REQUESTS = 500
const WARM_UP = 100
const GIGABIT = 1e9

// Scenario → `least`: of the rate of the faster peer; `most`: milliseconds.
const TARGETS = {
  push: { least: 0.9 },
  pull: { least: 0.9 },
  'push, 1 Gbit/s': { least: 0.9 },
  'pull, 1 Gbit/s': { least: 0.9 },
  'proxy, loopback': { least: 0.35 },
  'proxy, 1 Gbit/s': { least: 0.9 },
  'proxy, 1 Gbit/s, 20 ms round trip': { least: 0.9 },
  'redirect adds, ms': { most: 5 },
}

execFileSync('bash', ['scripts/peers/install-awscli.sh', '.peers/awscli'], { stdio: 'inherit' })
execFileSync('bash', ['scripts/peers/install-versitygw.sh', '.peers/versitygw'], {
  stdio: 'inherit',
})
const made = makeArchives()
const store = await startStore()
let here = storeEnv(store.port)
const bytes = made.files.reduce((sum, file) => sum + statSync(file).size, 0)
const results = []

const median = numbers => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)]
const sync = () => execFileSync('sync', ['-f', WORK])
const wanted = scenario => ONLY.length === 0 || ONLY.some(name => scenario.startsWith(name))

/** Seconds of a command. */
function timed(program, args, env = here) {
  const began = performance.now()
  execFileSync(program, args, {
    env: { ...process.env, AWS_CA_BUNDLE: undefined, ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
    maxBuffer: 64 * 1024 * 1024,
  })
  return (performance.now() - began) / 1000
}

function demandSame(a, b) {
  if (!readFileSync(a).equals(readFileSync(b))) throw new Error(`${b} is not ${a}`)
}

const ours = (...args) => timed(process.execPath, [MAIN, ...args])
const aws = (...args) =>
  timed('.peers/awscli/bin/aws', [
    '--endpoint-url',
    here.AWS_ENDPOINT_URL,
    's3',
    'cp',
    '--recursive',
    ...args,
  ])
const rclone = (...args) =>
  timed('rclone', ['copy', ...args], {
    ...here,
    RCLONE_CONFIG: '/dev/null',
    RCLONE_CONFIG_STORE_TYPE: 's3',
    RCLONE_CONFIG_STORE_PROVIDER: 'Other',
    RCLONE_CONFIG_STORE_ENV_AUTH: 'true',
    RCLONE_CONFIG_STORE_ENDPOINT: here.AWS_ENDPOINT_URL,
    RCLONE_CONFIG_STORE_REGION: 'us-east-1',
  })

/** Lets the sides take turns; keeps the rates, in bytes a second, and the ratio to the faster peer. */
async function race(scenario, size, sides) {
  if (!wanted(scenario)) return
  const samples = Object.fromEntries(Object.keys(sides).map(side => [side, []]))
  const load = []
  for (let i = 0; i < ROUNDS; i += 1) {
    load.push(loadavg()[0])
    const turn = i % Object.keys(sides).length
    const order = Object.entries(sides)
    for (const [side, run] of [...order.slice(turn), ...order.slice(0, turn)]) {
      sync()
      samples[side].push(size / (await run()))
    }
  }
  const rates = Object.fromEntries(
    Object.entries(samples).map(([side, all]) => [side, median(all)]),
  )
  const best = Math.max(
    ...Object.entries(rates).map(([side, rate]) => (side === 'ours' ? 0 : rate)),
  )
  tell({ scenario, value: rates.ours / best, rates, samples, load })
}

function tell(result) {
  const { least, most } = TARGETS[result.scenario]
  const met = least === undefined ? result.value <= most : result.value >= least
  results.push({ ...result, target: least ?? most, met })
  const figures = Object.entries(result.rates ?? result.p50)
    .map(
      ([side, value]) =>
        `${side} ${result.rates ? `${(value / 1e6).toFixed(0)} MB/s` : `${value.toFixed(2)} ms`}`,
    )
    .join(', ')
  const load = result.load.map(value => value.toFixed(1)).join(' ')
  process.stdout.write(
    `${met ? 'met   ' : 'MISSED'} ${result.scenario.padEnd(34)} ${result.value.toFixed(2)} (target ${least ?? most}; ${figures}; load ${load})\n`,
  )
}

/** Empties a folder of the bucket behind the back of the store. */
const emptied = name => {
  rmSync(join(store.folder, name), { recursive: true, force: true })
  return `${BUCKET}/${name}`
}

async function push(scenario = 'push') {
  if (!wanted(scenario)) return
  // The peers send a folder with the same four archives and nothing else.
  const folder = join(WORK, 'to-send')
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder)
  for (const file of made.files) linkSync(file, join(folder, basename(file)))
  const checked =
    (name, run, placeOf = file => file) =>
    () => {
      const seconds = run(emptied(name))
      for (const file of made.files)
        demandSame(file, join(store.folder, name, placeOf(basename(file))))
      emptied(name)
      return seconds
    }
  const published = file =>
    join(
      execFileSync('find', [join(store.folder, 'ours'), '-name', file], { encoding: 'utf8' })
        .trim()
        .slice(join(store.folder, 'ours').length),
    )
  await race(scenario, bytes, {
    ours: checked(
      'ours',
      to =>
        ours(
          'push',
          '-c',
          made.config,
          '--store',
          `s3://${to}`,
          ...PARTS.map(name => `noise/${name}`),
        ),
      published,
    ),
    'aws-cli': checked('aws', to => aws(folder, `s3://${to}/`)),
    rclone: checked('rclone', to => rclone(folder, `store:${to}`)),
  })
}

async function pull(scenario = 'pull') {
  if (!wanted(scenario)) return
  const dataset = (data, ...args) =>
    ours('dataset', '-d', made.datasets, '--data', data, '--store', `s3://${BUCKET}/data`, ...args)
  dataset(made.data, 'upload', '--no-publish')
  const target = join(WORK, 'pulled')
  const checked =
    (run, inner = '') =>
    () => {
      rmSync(target, { recursive: true, force: true })
      mkdirSync(target)
      sync()
      const seconds = run()
      for (const [i, file] of made.files.entries())
        demandSame(file, join(target, inner, `${PARTS[i]}.tgz`))
      rmSync(target, { recursive: true })
      return seconds
    }
  const from = `${BUCKET}/data/noise/common/archives/1`
  await race(scenario, bytes, {
    ours: checked(() => dataset(target, 'download'), 'noise/common/archives'),
    'aws-cli': checked(() => aws(`s3://${from}/`, target)),
    rclone: checked(() => rclone(`store:${from}`, target)),
  })
}

/** Seconds in which curl gets a whole archive. */
function fetched(url, size) {
  const format = '%{http_code} %{size_download} %{time_total}'
  const args = ['-sS', '-o', '/dev/null', '-w', format, url]
  const [status, got, seconds] = execFileSync('curl', args, { encoding: 'utf8' })
    .split(' ')
    .map(Number)
  if (status !== 200 || got !== size) throw new Error(`${url} answers ${status}, ${got} bytes`)
  return seconds
}

/** An address of the archive in the store at a port (Signature V4). */
function signed(port) {
  const folder = join(store.folder, 'served/archives')
  const file = execFileSync('find', [folder, '-name', basename(made.whole)], { encoding: 'utf8' })
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey } = here
  const client = new S3Client({
    endpoint: `http://127.0.0.1:${port}`,
    region: here.AWS_REGION,
    credentials: { accessKeyId, secretAccessKey },
    forcePathStyle: true,
  })
  const Key = file.trim().slice(store.folder.length + 1)
  return getSignedUrl(client, new GetObjectCommand({ Bucket: BUCKET, Key }), { expiresIn: 3600 })
}

const ARCHIVE = `/noise/assets/${WHOLE}/archive`

async function proxy() {
  const size = statSync(made.whole).size
  for (const [scenario, wire] of [
    ['proxy, loopback', undefined],
    ['proxy, 1 Gbit/s', 0],
    ['proxy, 1 Gbit/s, 20 ms round trip', 20],
  ]) {
    if (!wanted(scenario)) continue
    const port = wire === undefined ? store.port : await startWire(store.port, GIGABIT, wire)
    const server = await startServer(port)
    const arrived = join(WORK, 'arrived.tgz')
    execFileSync('curl', ['-sSf', '-o', arrived, server.url + ARCHIVE])
    demandSame(arrived, made.whole)
    rmSync(arrived)
    const direct = await signed(port)
    await race(scenario, size, {
      ours: () => fetched(server.url + ARCHIVE, size),
      'the store itself': () => fetched(direct, size),
    })
    await server.stop()
  }
}

const agent = new Agent({ keepAlive: true, maxSockets: 1 })

/** Status, location and milliseconds of a request for the first byte. */
function firstByte(url) {
  const began = performance.now()
  return new Promise((done, failed) => {
    get(url, { agent, headers: { range: 'bytes=0-0' } }, response => {
      const { statusCode: status, headers } = response
      response.on('end', () =>
        done({ status, location: headers.location, ms: performance.now() - began }),
      )
      response.resume()
    }).on('error', failed)
  })
}

async function demand(url, status) {
  const answer = await firstByte(url)
  if (answer.status !== status) throw new Error(`${url} answers ${answer.status}`)
  return answer
}

async function redirect() {
  if (!wanted('redirect')) return
  const server = await startServer(store.port, ['--serve-from', 'redirect'])
  const times = { redirected: [], '307 alone': [], 'signed address': [] }
  const direct = (await demand(server.url + ARCHIVE, 307)).location
  for (let i = -WARM_UP; i < REQUESTS; i += 1) {
    const sent = await demand(server.url + ARCHIVE, 307)
    const arrived = await demand(sent.location, 206)
    const plain = await demand(direct, 206)
    if (i < 0) continue
    times['307 alone'].push(sent.ms)
    times.redirected.push(sent.ms + arrived.ms)
    times['signed address'].push(plain.ms)
  }
  await server.stop()
  const p50 = Object.fromEntries(Object.entries(times).map(([side, all]) => [side, median(all)]))
  const value = p50.redirected - p50['signed address']
  tell({ scenario: 'redirect adds, ms', value, p50, load: [loadavg()[0]] })
}

await push()
await pull()
here = storeEnv(await startWire(store.port, GIGABIT, 0))
await push('push, 1 Gbit/s')
await pull('pull, 1 Gbit/s')
here = storeEnv(store.port)
if (Object.keys(TARGETS).some(name => /^(proxy|redirect)/.test(name) && wanted(name)))
  ours('push', '-c', made.config, '--store', `s3://${BUCKET}/served`, `noise/${WHOLE}`)
await proxy()
await redirect()
agent.destroy()
rmSync(join(WORK, 'bucket'), { recursive: true, force: true })
if (ONLY.length === 0) {
  const all = JSON.parse(readFileSync('bench/results.json', 'utf8'))
  const section = {
    date: new Date().toISOString(),
    cores: cpus().length,
    node: process.version,
    results,
  }
  writeFileSync('bench/results.json', `${JSON.stringify({ ...all, store: section }, null, 2)}\n`)
}
process.exit(results.every(({ met }) => met) ? 0 : 1)
