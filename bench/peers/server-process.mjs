// Servers as processes of their own: started, waited for, weighed, stopped.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { pinned } from '../measure/pinned.mjs'
import { WORK } from '../places.mjs'

const START_MS = 300_000
const ASK_EVERY_MS = 5
const STOP_MS = 30_000

const running = new Set()
process.once('exit', () => {
  for (const server of running) server.kill()
})

/** A port that is free now. */
export async function freePort() {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  server.close()
  await once(server, 'close')
  return port
}

/** A process with those that it has started. */
class ServerProcess {
  #child
  constructor(child, url) {
    this.#child = child
    this.url = url
    this.port = Number(new URL(url).port)
    running.add(this)
  }

  get hasEnded() {
    return this.#child.exitCode !== null || this.#child.signalCode !== null
  }

  get pid() {
    return this.#child.pid
  }

  /** Bytes that are resident now, of all its processes. */
  residentBytes() {
    return bytesOf(this.pid, 'VmRSS')
  }

  /** Most bytes that were resident, of all its processes. */
  peakBytes() {
    return bytesOf(this.pid, 'VmHWM')
  }

  /** Ends the whole group, at once. */
  kill() {
    try {
      process.kill(-this.pid, 'SIGKILL')
    } catch (error) {
      if (error.code !== 'ESRCH') throw error
    }
  }

  /** Ends it as an operator would, so that it can put down what it wants to keep; then whatever is left. */
  async stop() {
    if (!this.hasEnded) {
      const ended = once(this.#child, 'exit')
      this.#child.kill('SIGTERM')
      await Promise.race([ended, wait(STOP_MS, undefined, { ref: false })])
    }
    this.kill()
    running.delete(this)
  }
}

/**
 * Starts a server. `seconds` of the answer is the time from spawning to the first right answer.
 *
 * @param {{ name: string, program: string, args: readonly string[], port: number, env?: object, core?: number }} place - with a core it stays there
 * @param {(url: string) => Promise<boolean>} isRight - asks the URL; answers whether what came is right
 * @throws Error when it ends, or does not answer rightly within five minutes
 */
export async function startServer({ name, program, args, env, core, port }, isRight) {
  const log = logOf(name)
  const out = openSync(log, 'w')
  const began = performance.now()
  const child = spawn(...pinned(core, program, args), {
    stdio: ['ignore', out, out],
    env: { ...process.env, ...env },
    // A group of its own: what it starts ends with it.
    detached: true,
  })
  closeSync(out)
  let missing
  child.once('error', error => {
    missing = error
  })
  await once(child, 'spawn').catch(() => undefined)
  if (missing !== undefined) throw new Error(`${name} did not start: ${missing.message}`)
  const server = new ServerProcess(child, `http://127.0.0.1:${port}`)
  for (let right = false; !right; ) {
    right = await isRight(server.url).catch(() => false)
    // Also when there was an answer: then it was somebody else's.
    if (server.hasEnded || performance.now() - began > START_MS) {
      server.kill()
      running.delete(server)
      throw new Error(`${name} did not start: ${readFileSync(log, 'utf8').slice(-2000)}`)
    }
    if (!right) await wait(ASK_EVERY_MS)
  }
  server.seconds = (performance.now() - began) / 1000
  return server
}

function logOf(name) {
  mkdirSync(join(WORK, 'logs'), { recursive: true })
  return join(WORK, 'logs', `${name}.log`)
}

function bytesOf(pid, field) {
  let [bytes, children] = [0, []]
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8')
    bytes = Number(new RegExp(`${field}:\\s+(\\d+) kB`).exec(status)?.[1] ?? 0) * 1024
    children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ')
  } catch (error) {
    // It may have ended meanwhile.
    if (error.code !== 'ENOENT' && error.code !== 'ESRCH') throw error
  }
  return children
    .filter(child => child !== '')
    .reduce((sum, child) => sum + bytesOf(Number(child), field), bytes)
}
