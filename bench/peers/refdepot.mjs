// Ours, as it is built.
import { execFileSync } from 'node:child_process'
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { bodyOf } from '../measure/guard.mjs'
import { MAIN, WORK } from '../places.mjs'
import { freePort, startServer } from './server-process.mjs'

const CHECK_MS = 1_800_000

let help
/** Whether `refdepot serve` knows a flag. */
export function offers(flag) {
  help ??= execFileSync(process.execPath, [MAIN, 'serve', '--help'], { encoding: 'utf8' })
  return help.includes(flag)
}

/** Flags that use all cores, and what to say about it. */
export const allCores = () =>
  offers('--workers')
    ? { flags: ['--workers', 'auto'], notes: [] }
    : { flags: [], notes: ['refdepot serve has no --workers: ours has run as one process'] }

/** An empty folder for what it keeps between starts. */
export function freshState(name) {
  const folder = join(WORK, 'state', name)
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  return folder
}

/**
 * Starts it. Everything that it writes goes to the state folder, so that a new one makes a cold start.
 *
 * @param place - `{ config, state, flags, core, accessLog }`
 */
export async function startRefdepot(place, isRight) {
  const { config, state, flags = [], core, accessLog = false, name = 'refdepot' } = place
  const port = await freePort()
  const args = [
    MAIN,
    'serve',
    ...['-c', config, '-p', String(port), '--host', '127.0.0.1'],
    ...['--state-folder', state, '--state', join(state, 'state.sqlite')],
    ...['--log-level', accessLog ? 'info' : 'warn'],
    ...flags,
  ]
  return startServer({ name, program: process.execPath, args, core, port }, isRight)
}

/** Waits until it has checked its archives in the background, which is no part of any rate. */
export async function checked(server) {
  for (const until = Date.now() + CHECK_MS; Date.now() < until; await wait(200)) {
    const { check } = JSON.parse(await bodyOf(`${server.url}/readyz`))
    if (check.state === 'done') return server
  }
  throw new Error('refdepot does not end the check of its archives')
}
