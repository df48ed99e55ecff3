// Compares refdepot with refgenieserver in one run, alternately, and prints medians as ratios. Every answer that is timed is checked first.
//
// usage: npm run bench            (installs its peers: apt wrk curl, PyPI refgenieserver)
import { execFileSync, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  closeSync,
  existsSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { get } from 'node:http'
import { cpus, totalmem } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { makeLargeCatalogue } from './make-large-catalogue.mjs'

const RUNS = 3
const GENOMES = 1000
const WORK = resolve('bench/.work')
const PEER = '/srv/refgenie/venv/bin/refgenieserver'
const LARGE_BYTES = 1024 ** 3
// Other than in the run before, whose servers may not have let go of theirs.
const BASE_PORT = 20_000 + Math.floor(Math.random() * 10_000)
const PORTS = { ours: BASE_PORT, peer: BASE_PORT + 1 }

// Scenario → ratio ours/peer that is promised; `least` for rates, `most` for times and memory.
const TARGETS = {
  'start-up time': { most: 1 / 15 },
  'memory after start-up': { most: 1 / 2 },
  'attributes, requests/s': { least: 8 },
  '4 KiB archive, requests/s': { least: 8 },
  'list of assets, requests/s': { least: 50 },
  '1 GiB archive, bytes/s': { least: 2.5 },
}

function install() {
  execFileSync('bash', ['scripts/install-peers.sh'], { stdio: 'inherit' })
  try {
    execFileSync('wrk', ['-v'], { stdio: 'ignore' })
  } catch (error) {
    if (error.code === 'ENOENT')
      execFileSync('apt-get', ['install', '-y', '-qq', 'wrk'], { stdio: 'inherit' })
  }
}

function command(side, folder) {
  const config = join(folder, 'genome_config.yaml')
  if (side === 'ours') {
    const state = join(WORK, 'state')
    return [
      process.execPath,
      [
        'dist/cli/main.js',
        'serve',
        '-c',
        config,
        '-p',
        String(PORTS.ours),
        '--log-level',
        'warn',
        '--state-folder',
        state,
      ],
    ]
  }
  const link = lstatSync('/genomes', { throwIfNoEntry: false })
  if (link !== undefined && !link.isSymbolicLink()) throw new Error('/genomes is no link')
  if (link !== undefined) unlinkSync('/genomes')
  symlinkSync(folder, '/genomes')
  return [PEER, ['serve', '-c', config, '-p', String(PORTS.peer)]]
}

async function start(side, folder) {
  const [program, args] = command(side, folder)
  const began = performance.now()
  const child = spawn(program, args, { stdio: 'ignore' })
  process.once('exit', () => child.kill('SIGKILL'))
  const url = `http://127.0.0.1:${PORTS[side]}`
  for (;;) {
    const answer = await bodyOf(`${url}/v3/genomes/list`).catch(() => undefined)
    if (child.exitCode !== null || performance.now() - began > 180_000) {
      throw new Error(`${side} did not start`)
    }
    if (answer?.includes('"')) break
    await wait(10)
  }
  return { child, url, seconds: (performance.now() - began) / 1000 }
}

async function stop({ child }) {
  child.kill('SIGKILL')
  await new Promise(done => child.once('exit', done))
}

/** Body of a 200, over a connection of its own: a kept one may be closed while another scenario runs. */
function bodyOf(url) {
  return new Promise((done, failed) => {
    const sent = get(url, { agent: false }, async response => {
      const body = Buffer.concat(await response.toArray())
      if (response.statusCode === 200) done(body)
      else failed(new Error(`${url} answers ${response.statusCode}`))
    })
    sent.on('error', failed)
  })
}

function peakMegabytes(pid) {
  return Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1024
}

function rate(url) {
  const output = execFileSync('wrk', ['-t1', '-c16', '-d4s', url], { encoding: 'utf8' })
  if (/Non-2xx|Socket errors/.test(output)) throw new Error(`wrong answers from ${url}:\n${output}`)
  return Number(/Requests\/sec:\s+([\d.]+)/.exec(output)[1])
}

function throughput(url) {
  const args = [
    '-sS',
    '-o',
    '/dev/null',
    '-w',
    '%{http_code} %{size_download} %{speed_download}',
    url,
  ]
  const [status, size, speed] = execFileSync('curl', args, { encoding: 'utf8' })
    .split(' ')
    .map(Number)
  if (status !== 200 || size !== LARGE_BYTES)
    throw new Error(`wrong answer from ${url}: ${status}, ${size} bytes`)
  return speed
}

async function sameBody(path, servers) {
  const bodies = await Promise.all(Object.values(servers).map(({ url }) => bodyOf(url + path)))
  if (bodies[0].length === 0 || !bodies[0].equals(bodies[1]))
    throw new Error(`${path} is not answered alike`)
}

function largeFolder() {
  const folder = join(WORK, 'large-file')
  const digest = '0'.repeat(48)
  const file = join(folder, digest, 'big__default.tgz')
  if (!existsSync(file)) {
    mkdirSync(join(folder, digest), { recursive: true })
    closeSync(openSync(file, 'w'))
    truncateSync(file, LARGE_BYTES)
  }
  const tag = `archive_digest: ${'a'.repeat(32)}, archive_size: 1.00 GB, asset_size: 1.00 GB, asset_digest: x, asset_path: big, asset_parents: [], asset_children: [], seek_keys: {big: x}`
  writeFileSync(
    join(folder, 'genome_config.yaml'),
    `config_version: 0.4\ngenome_folder: ${folder}\ngenomes:\n  '${digest}':\n    aliases: [zero]\n    genome_description: zeros\n    assets:\n      big:\n        asset_description: zeros\n        default_tag: default\n        tags:\n          default: {${tag}}\n`,
  )
  return { folder, path: `/v3/assets/archive/${digest}/big` }
}

const samples = {}
const note = (scenario, side, value) => {
  samples[scenario] ??= { ours: [], peer: [] }
  samples[scenario][side].push(value)
}
const median = values => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]

install()
mkdirSync(WORK, { recursive: true })
const catalogue = join(WORK, `catalogue-${GENOMES}`)
const digest = makeLargeCatalogue(catalogue, GENOMES)
const paths = {
  'attributes, requests/s': `/v3/assets/attrs/${digest}/fasta`,
  '4 KiB archive, requests/s': `/v3/assets/archive/${digest}/fasta`,
  'list of assets, requests/s': '/v3/assets/list',
}
for (let i = 0; i < RUNS; i += 1) {
  const servers = {}
  for (const side of ['ours', 'peer']) {
    servers[side] = await start(side, catalogue)
    note('start-up time', side, servers[side].seconds)
    note('memory after start-up', side, peakMegabytes(servers[side].child.pid))
  }
  // Let the background check of the archives end: it is no part of the rates.
  while (JSON.parse(await bodyOf(`${servers.ours.url}/readyz`)).check.state !== 'done')
    await wait(200)
  for (const [scenario, path] of Object.entries(paths)) {
    await sameBody(path, servers)
    for (const side of ['ours', 'peer']) note(scenario, side, rate(servers[side].url + path))
  }
  for (const side of ['ours', 'peer']) await stop(servers[side])
  const { folder, path } = largeFolder()
  for (const side of ['ours', 'peer']) {
    const server = await start(side, folder)
    throughput(server.url + path)
    note('1 GiB archive, bytes/s', side, throughput(server.url + path))
    await stop(server)
  }
}

let failed = 0
const results = Object.entries(samples).map(([scenario, { ours, peer }]) => {
  const ratio = median(ours) / median(peer)
  const { least, most } = TARGETS[scenario]
  const met = least === undefined ? ratio <= most : ratio >= least
  if (!met) failed += 1
  return {
    scenario,
    ours: median(ours),
    peer: median(peer),
    ratio,
    target: least ?? most,
    met,
    samples: { ours, peer },
  }
})
for (const { scenario, ours, peer, ratio, target, met } of results) {
  const figures = `ours ${ours.toPrecision(4)}, refgenieserver ${peer.toPrecision(4)}, ratio ${ratio.toPrecision(3)}`
  process.stdout.write(
    `${met ? 'met   ' : 'MISSED'} ${scenario.padEnd(28)} ${figures} (target ${target.toPrecision(3)})\n`,
  )
}
const machine = {
  cpu: cpus()[0]?.model,
  cores: cpus().length,
  memory: totalmem(),
  node: process.version,
}
const source = createHash('sha256').update(readFileSync('package-lock.json')).digest('hex')
writeFileSync(
  'bench/results.json',
  // The section of bench/archive.mjs stays.
  `${JSON.stringify({ ...JSON.parse(readFileSync('bench/results.json', 'utf8')), date: new Date().toISOString(), machine, lock: source, results }, null, 2)}\n`,
)
process.exitCode = failed === 0 ? 0 : 1
