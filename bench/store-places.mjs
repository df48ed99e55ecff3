// What bench/store.mjs works with: archives of noise, a real S3 server, wires to it, and servers of refdepot over it. All of it lies on one disk.
import { execFileSync, spawn } from 'node:child_process'
import { createCipheriv } from 'node:crypto'
import {
  closeSync,
  existsSync,
  linkSync,
  mkdirSync,
  openSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { join, resolve } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'

const MIB = 1024 ** 2
const GENOME = '5'.repeat(48)
const CREDENTIALS = { AWS_ACCESS_KEY_ID: 'AKBENCH', AWS_SECRET_ACCESS_KEY: 'sk-bench-bench-bench' }

/** Where everything lies. */
export const WORK = resolve('bench/.work/store')
/** The program as it is built. */
export const MAIN = resolve('dist/cli/main.js')
/** The bucket. */
export const BUCKET = 'bench'
/** Assets that are pushed and pulled, 128 MiB each. */
export const PARTS = ['part1', 'part2', 'part3', 'part4']
/** The asset that is served, 512 MiB. */
export const WHOLE = 'whole'

const children = []
process.once('exit', () => {
  for (const child of children) child.kill('SIGKILL')
})

/** Archives of noise, so that nothing gets smaller, and the same files as a dataset; made once. */
export function makeArchives() {
  const folder = join(WORK, 'archives', GENOME)
  const config = join(WORK, 'genomes/genome_config.yaml')
  const files = PARTS.map(name => join(folder, `${name}__default.tgz`))
  const made = {
    config,
    digest: GENOME,
    folder,
    files,
    whole: join(folder, `${WHOLE}__default.tgz`),
    data: join(WORK, 'data'),
    datasets: join(WORK, 'datasets.json'),
  }
  if (existsSync(join(WORK, 'done'))) return made
  rmSync(WORK, { recursive: true, force: true })
  const lines = [
    'config_version: 0.4',
    `genome_folder: ${WORK}/genomes`,
    `genome_archive_folder: ${WORK}/archives`,
    'genomes:',
    `  '${GENOME}':`,
    '    aliases: [noise]',
    '    assets:',
  ]
  for (const name of [...PARTS, WHOLE]) {
    writeNoise(
      join(WORK, 'genomes/data', GENOME, name, 'default'),
      name,
      name === WHOLE ? 512 : 128,
    )
    const tag = `{asset_path: ${name}, seek_keys: {dir: .}}`
    lines.push(`      ${name}:`, `        tags: {default: ${tag}}`)
  }
  writeFileSync(config, `${lines.join('\n')}\n`)
  refdepot(['archive', 'create', '-c', config])
  const dataset = join(made.data, 'noise/common/archives')
  mkdirSync(dataset, { recursive: true })
  for (const [i, file] of files.entries()) linkSync(file, join(dataset, `${PARTS[i]}.tgz`))
  const kinds = { archives: { version: '1' } }
  writeFileSync(made.datasets, JSON.stringify({ noise: { data_types: ['common'], kinds } }))
  refdepot(['dataset', '-d', made.datasets, '--data', made.data, 'package'])
  rmSync(join(WORK, 'genomes/data'), { recursive: true })
  writeFileSync(join(WORK, 'done'), '')
  return made
}

function writeNoise(folder, name, mebibytes) {
  mkdirSync(folder, { recursive: true })
  const noise = createCipheriv('aes-128-ctr', name.padEnd(16), Buffer.alloc(16))
  const file = openSync(join(folder, 'noise.bin'), 'w')
  const zeros = Buffer.alloc(MIB)
  for (let i = 0; i < mebibytes; i += 1) writeSync(file, noise.update(zeros))
  closeSync(file)
}

/** Runs our program. */
export function refdepot(args, env = {}) {
  execFileSync(process.execPath, [MAIN, ...args], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'ignore', 'inherit'],
  })
}

/** What a program needs to reach the store at a port. */
export function storeEnv(port) {
  return {
    ...CREDENTIALS,
    AWS_ENDPOINT_URL_S3: `http://127.0.0.1:${port}`,
    AWS_ENDPOINT_URL: `http://127.0.0.1:${port}`,
    AWS_REGION: 'us-east-1',
    AWS_DEFAULT_REGION: 'us-east-1',
  }
}

/** Starts the S3 server over an empty folder; answers its port and the folder of the bucket. */
export async function startStore() {
  const data = join(WORK, 'bucket')
  rmSync(data, { recursive: true, force: true })
  mkdirSync(data)
  const port = await freePort()
  const program = '.peers/versitygw/versitygw'
  const { AWS_ACCESS_KEY_ID: ROOT_ACCESS_KEY, AWS_SECRET_ACCESS_KEY: ROOT_SECRET_KEY } = CREDENTIALS
  begin(program, ['--port', `127.0.0.1:${port}`, '-q', 'posix', data], {
    env: { ...process.env, ROOT_ACCESS_KEY, ROOT_SECRET_KEY },
    stdio: 'ignore',
  })
  await answers(`http://127.0.0.1:${port}/`)
  execFileSync(
    '.peers/awscli/bin/aws',
    ['--endpoint-url', `http://127.0.0.1:${port}`, 's3', 'mb', `s3://${BUCKET}`],
    { env: { ...process.env, ...storeEnv(port) }, stdio: ['ignore', 'ignore', 'inherit'] },
  )
  return { port, folder: join(data, BUCKET) }
}

/** Starts a wire to the store in a process of its own; answers its port. */
export async function startWire(port, bits, roundTripMs) {
  const args = ['bench/capped-wire.mjs', String(port), String(bits), String(roundTripMs)]
  const child = begin(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] })
  const line = await new Promise(done => child.stdout.once('data', done))
  return Number(line)
}

/** Starts our server over the store behind a port; answers its URL. */
export async function startServer(storePort, args = []) {
  const port = await freePort()
  const wanted = ['serve', '--store', `s3://${BUCKET}/served`, '-p', String(port), ...args]
  const child = begin(process.execPath, [MAIN, ...wanted, '--log-level', 'warn'], {
    env: { ...process.env, ...storeEnv(storePort) },
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const url = `http://127.0.0.1:${port}`
  await answers(`${url}/v3/genomes/list`)
  return { url, stop: () => ended(child) }
}

function begin(program, args, options) {
  const child = spawn(program, args, options)
  children.push(child)
  return child
}

async function ended(child) {
  const over = new Promise(done => child.once('exit', done))
  child.kill('SIGTERM')
  await over
}

async function answers(url) {
  for (const until = Date.now() + 60_000; ; await wait(50)) {
    const answer = await fetch(url).catch(() => undefined)
    await answer?.arrayBuffer()
    if (answer !== undefined && answer.status < 500) return
    if (Date.now() > until) throw new Error(`${url} does not answer`)
  }
}

function freePort() {
  return new Promise(done => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address()
      probe.close(() => done(port))
    })
  })
}
