/** A server in a process of its own, as an operator starts it: started, awaited, asked, stopped. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir, readFile } from 'node:fs/promises'
import { setTimeout as wait } from 'node:timers/promises'
import type { Test } from 'tap'

const START_MS = 60_000
const POLL_MS = 100
// What Fastify writes into the log, as text or as a string of JSON.
const LISTENING = /Server listening at (http:\/\/[^\s"]+)[\s"]/

/** How a process ended, with all it wrote. */
export interface Ending {
  readonly code: number | null
  readonly output: string
}

/** A server that answers. */
export interface ServerProcess {
  /** Without a slash at the end. */
  readonly url: string
  /** The server itself, not the program that started it: signals and /proc mean this one. */
  readonly pid: number
  readonly ended: Promise<Ending>
}

/** What to start. */
export interface ServerCommand {
  readonly file: string
  readonly args: readonly string[]
  /** Left out when the server chooses one: then its log says which. */
  readonly port?: number
  readonly environment?: NodeJS.ProcessEnv
}

/** Starts a server and waits until it answers; it ends with the test at the latest. */
export async function startServer(t: Test, command: ServerCommand): Promise<ServerProcess> {
  const child = spawn(command.file, command.args, {
    env: command.environment ?? process.env,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const { ended, output } = watched(child)
  t.teardown(async () => {
    for (const pid of await withDescendants(child.pid)) kill(pid)
    await ended
  })
  const over = new AbortController()
  const early = ended.then(failedStart).finally(() => over.abort())
  const { port } = command
  const address = () =>
    port === undefined ? LISTENING.exec(output())?.[1] : `http://127.0.0.1:${port}`
  const url = await Promise.race([answering(address, over.signal), early])
  const pid = (await withDescendants(child.pid)).at(-1)
  if (pid === undefined) throw new Error('the server has no process')
  return { url, pid, ended }
}

/** Runs a program to its end. */
export function runToEnd(file: string, args: readonly string[]): Promise<Ending> {
  return watched(spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'] })).ended
}

/** User id that a process really runs as. */
export async function userOf(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return Number(/^Uid:\s+\d+\s+(\d+)/m.exec(status)?.[1])
}

/** What a process has written so far, and its end. */
function watched(child: ChildProcess): { output: () => string; ended: Promise<Ending> } {
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', text => {
      output += text
    })
  }
  const ended = once(child, 'close').then(([code]) => ({ code, output }))
  return { output: () => output, ended }
}

function failedStart({ code, output }: Ending): never {
  throw new Error(`the server ended with code ${code} before it answered:\n${output}`)
}

/** Waits until a server answers at an address, which may not be known at first; answers it. */
async function answering(address: () => string | undefined, over: AbortSignal): Promise<string> {
  const until = Date.now() + START_MS
  while (Date.now() < until && !over.aborted) {
    const url = address()
    if (url !== undefined) {
      const answer = await fetch(`${url}/healthz`).catch(() => undefined)
      if (answer?.ok) return url
    }
    await wait(POLL_MS)
  }
  throw new Error(`${address() ?? 'the server'} did not answer in ${START_MS / 1000} s`)
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    // It may have ended since it was listed.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

/** A process and what it started, the last one last; an engine starts the server through a chain of processes. */
async function withDescendants(pid: number | undefined): Promise<number[]> {
  if (pid === undefined) return []
  const parents = await parentsOfAll()
  const found = parents.has(pid) ? [pid] : []
  for (const one of found) {
    for (const [child, parent] of parents) if (parent === one) found.push(child)
  }
  return found
}

async function parentsOfAll(): Promise<Map<number, number>> {
  const parents = new Map<number, number>()
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue
    const status = await readFile(`/proc/${name}/status`, 'utf8').catch(() => '')
    const parent = /^PPid:\s+(\d+)/m.exec(status)?.[1]
    if (parent !== undefined) parents.set(Number(name), Number(parent))
  }
  return parents
}
