/** A server as a replica runs: a process of its own that shares no folder with any other, and can be killed and started again. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import type { Test } from 'tap'
import { freePort } from '../free-port.ts'
import { ended, hasEnded } from './ended-child.ts'

const PROGRAM = join(process.cwd(), 'dist/cli/main.js')
const START_MS = 60_000
const MOST_LOG = 200_000

/** One replica. */
export interface Replica {
  readonly url: string
  readonly port: number
  /** What it has written so far, of all its runs. */
  readonly output: () => string
  /** Starts it, and waits until it is ready. */
  start(): Promise<void>
  /** Ends it as a power cut would. */
  kill(): Promise<void>
  /** Ends it as an orchestrator does; answers the exit code. */
  stop(): Promise<number | null>
  /** Files that it has left in its home, its working folder or its temporary folder. */
  leftovers(): Promise<string[]>
}

/** A replica that has nothing but its settings; it is not started yet. */
export async function replica(
  t: Test,
  settings: Readonly<Record<string, string>>,
): Promise<Replica> {
  const own = await mkdtemp(join(tmpdir(), 'refdepot-replica-'))
  const [home, cwd, temporary] = ['home', 'cwd', 'tmp'].map(name => join(own, name)) as [
    string,
    string,
    string,
  ]
  for (const folder of [home, cwd, temporary]) await mkdir(folder)
  const port = await freePort()
  const env = {
    PATH: process.env.PATH ?? '',
    HOME: home,
    TMPDIR: temporary,
    REFDEPOT_HOST: '127.0.0.1',
    REFDEPOT_PORT: String(port),
    ...settings,
  }
  let child: ChildProcess | undefined
  let output = ''
  const end = async (signal: 'SIGKILL' | 'SIGTERM') => {
    if (child === undefined || hasEnded(child)) return null
    await ended(child, signal)
    return child.exitCode
  }
  t.teardown(async () => {
    await end('SIGKILL')
    await rm(own, { recursive: true, force: true })
  })
  const url = `http://127.0.0.1:${port}`
  const start = async () => {
    child = spawn(process.execPath, [PROGRAM, 'serve'], { cwd, env })
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', chunk => {
        output = (output + chunk).slice(-MOST_LOG)
      })
    }
    await ready(url, child, () => output)
  }
  return {
    url,
    port,
    output: () => output,
    start,
    kill: async () => void (await end('SIGKILL')),
    stop: () => end('SIGTERM'),
    leftovers: () => readdir(own, { recursive: true }).then(names => names.filter(isFile)),
  }
}

const isFile = (name: string) => !['home', 'cwd', 'tmp'].includes(name)

async function ready(url: string, child: ChildProcess, output: () => string): Promise<void> {
  for (const until = Date.now() + START_MS; Date.now() < until; await wait(50)) {
    if (hasEnded(child)) break
    if ((await fetch(`${url}/readyz`).catch(() => undefined))?.ok === true) return
  }
  throw new Error(`the replica at ${url} did not start:\n${output()}`)
}
