/** Starts the real refgenieserver and ours as processes of their own, for comparison. */
import { type ChildProcess, spawn } from 'node:child_process'
import { lstat, symlink, unlink } from 'node:fs/promises'
import { setTimeout as wait } from 'node:timers/promises'
import type { Test } from 'tap'
import { freePort } from '../free-port.ts'
import { ended, hasEnded } from './ended-child.ts'

/** What scripts/peers/make-genomes.sh has built with the real tools. */
export const BUILT = '/srv/refgenie'
/** Folder of the real Python programs. */
export const PYTHON_BIN = `${BUILT}/venv/bin`
/** Version of refgenieserver that we compare with. */
export const PEER_VERSION = '0.8.0'
// refgenieserver reads archives from this fixed path.
const PEER_BASE = '/genomes'
const START_MS = 60_000

/** Starts ours over a config; answers its URL without a trailing slash. */
export async function startOurs(
  t: Test,
  args: readonly string[],
  node = process.execPath,
): Promise<string> {
  const port = await freePort()
  const command = [
    'dist/cli/main.js',
    'serve',
    '-p',
    String(port),
    '--host',
    '127.0.0.1',
    '--log-level',
    'warn',
    ...args,
  ]
  // What the peers have built stays as it is: a server that counts makes a state beside it.
  const env = { ...process.env, REFDEPOT_COUNT_DOWNLOADS: 'false' }
  return started(t, spawn(node, command, { env }), port, '/readyz')
}

/** Starts the peer over an archive folder; answers its URL without a trailing slash. */
export async function startPeer(t: Test, archives: string, config: string): Promise<string> {
  const there = await lstat(PEER_BASE).catch(() => undefined)
  if (there !== undefined && !there.isSymbolicLink()) throw new Error(`${PEER_BASE} is no link`)
  if (there !== undefined) await unlink(PEER_BASE)
  await symlink(archives, PEER_BASE)
  const port = await freePort()
  const command = ['serve', '-c', config, '-p', String(port)]
  return started(t, spawn(`${PYTHON_BIN}/refgenieserver`, command), port, '/openapi.json')
}

async function started(t: Test, child: ChildProcess, port: number, ready: string): Promise<string> {
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', chunk => {
      output = (output + chunk).slice(-20_000)
    })
  }
  t.teardown(() => ended(child, 'SIGKILL'))
  const url = `http://127.0.0.1:${port}`
  for (const until = Date.now() + START_MS; Date.now() < until; await wait(100)) {
    if (hasEnded(child)) break
    const answer = await fetch(url + ready).catch(() => undefined)
    if (answer?.ok === true) return url
  }
  throw new Error(`${child.spawnargs.join(' ')} did not start:\n${output}`)
}
