/** A real nginx with the configs of docker/; only addresses and folders are those of the test. */
import { spawn } from 'node:child_process'
import { chmod, mkdtemp, readdir, readFile, readlink, rm, writeFile } from 'node:fs/promises'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import type { Test } from 'tap'
import { freePort } from '../free-port.ts'
import { ended, hasEnded } from './ended-child.ts'

const CONFIG = 'docker/nginx.conf'
const SENDFILE_CONFIG = 'docker/nginx-sendfile.conf'
const ACCESS_LOG = 'access.log'
const START_MS = 20_000

/** A running proxy. */
export interface FrontProxy {
  readonly url: string
  /** Everything it has logged. */
  readonly log: () => Promise<string>
  /** Files in which it keeps parts of answers at this moment. */
  readonly kept: () => Promise<string[]>
}

/** Where the config of the test differs from the one that is deployed. */
export interface NginxPlaces {
  readonly folder: string
  readonly port: number
  /** Ports of the replicas, in the order of their names. */
  readonly replicas: readonly number[]
}

/**
 * Writes the config with the places of a test; answers its path.
 *
 * @throws Error when a place is not in the config any more: the test would prove another config
 */
export async function nginxConfig({ folder, port, replicas }: NginxPlaces): Promise<string> {
  let text = await readFile(CONFIG, 'utf8')
  const put = (found: string, place: string) => {
    if (!text.includes(found)) throw new Error(`${CONFIG} has no ${found}`)
    text = text.replaceAll(found, place)
  }
  put('/tmp/', `${folder}/`)
  put('/dev/stdout', `${folder}/${ACCESS_LOG}`)
  put('listen 8080;', `listen 127.0.0.1:${port};`)
  for (const [at, own] of replicas.entries()) put(`refdepot-${at + 1}:8080`, `127.0.0.1:${own}`)
  const path = join(folder, 'nginx.conf')
  await writeFile(path, text)
  return path
}

/**
 * Starts it before replicas.
 *
 * @param change - of the config, for the proof that a setting does something
 */
export async function frontProxy(
  t: Test,
  replicas: readonly number[],
  change = (config: string) => config,
): Promise<FrontProxy> {
  return startNginx(t, async (folder, port) => {
    const config = await nginxConfig({ folder, port, replicas })
    return change(await readFile(config, 'utf8'))
  })
}

/** Starts the nginx that sends the files itself; answers when refdepot answers through it. */
export async function sendfileProxy(t: Test, places: SendfilePlaces): Promise<FrontProxy> {
  return startNginx(t, (folder, port) => sendfileConfig({ ...places, folder, port }))
}

/** Where the config of a hand-off in a test differs from the one that is deployed. */
export interface SendfilePlaces {
  /** Port of refdepot, and the one where it takes reports. */
  readonly server: number
  readonly reports: number
  /** Folder that nginx sends from. */
  readonly archives: string
  /** Of the config, for the proof that a setting does something. */
  readonly change?: (config: string) => string
}

/**
 * The text of the config of a hand-off with the places of a test.
 *
 * @throws Error when a place is not in the config any more
 */
async function sendfileConfig(
  places: SendfilePlaces & { readonly folder: string; readonly port: number },
): Promise<string> {
  const { server, reports, archives, folder, port, change = text => text } = places
  const found: Readonly<Record<string, string>> = {
    '/tmp/': `${folder}/`,
    '/dev/stdout': `${folder}/${ACCESS_LOG}`,
    // Archives of a test may lie where nobody else gets to.
    'worker_processes auto;': `worker_processes 2; user ${userInfo().username};`,
    'listen 8080;': `listen 127.0.0.1:${port};`,
    'refdepot:8080': `127.0.0.1:${server}`,
    'refdepot:8514': `127.0.0.1:${reports}`,
    'alias /genomes/;': `alias "${archives}/";`,
    'from=/genomes;': `"from=${archives}";`,
  }
  let text = await readFile(SENDFILE_CONFIG, 'utf8')
  for (const [place, own] of Object.entries(found)) {
    if (!text.includes(place)) throw new Error(`${SENDFILE_CONFIG} has no ${place}`)
    text = text.replaceAll(place, own)
  }
  return change(text)
}

/** Starts nginx with a config that is made for a folder and a port. */
async function startNginx(
  t: Test,
  make: (folder: string, port: number) => Promise<string>,
): Promise<FrontProxy> {
  const folder = await mkdtemp(join(tmpdir(), 'refdepot-nginx-'))
  // Started by root, its workers are somebody else.
  await chmod(folder, 0o755)
  const port = await freePort()
  const config = join(folder, 'nginx.conf')
  await writeFile(config, await make(folder, port))
  const child = spawn('nginx', ['-p', folder, '-c', config, '-g', 'daemon off;'])
  let errors = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', chunk => {
      errors += chunk
    })
  }
  t.teardown(async () => {
    await ended(child, 'SIGTERM')
    await rm(folder, { recursive: true, force: true })
  })
  const url = `http://127.0.0.1:${port}`
  for (const until = Date.now() + START_MS; Date.now() < until; await wait(50)) {
    if (hasEnded(child)) break
    if ((await fetch(`${url}/healthz`).catch(() => undefined))?.ok === true) {
      const log = async () => errors + (await readFile(join(folder, ACCESS_LOG), 'utf8'))
      const kept = () => heldOpen(child.pid as number, join(folder, 'nginx-proxy'))
      return { url, log, kept }
    }
  }
  throw new Error(`nginx did not start:\n${errors}`)
}

/** Files below a folder that the workers of nginx hold open: it removes their names as soon as it has made them. */
async function heldOpen(master: number, folder: string): Promise<string[]> {
  const workers = await readFile(`/proc/${master}/task/${master}/children`, 'utf8')
  const held: string[] = []
  for (const worker of workers.split(' ').filter(Boolean)) {
    for (const descriptor of await readdir(`/proc/${worker}/fd`)) {
      const leadsTo = await readlink(`/proc/${worker}/fd/${descriptor}`).catch(() => '')
      if (leadsTo.startsWith(folder)) held.push(leadsTo)
    }
  }
  return held
}
