/** Runs the command line as a process of its own, from sources, so that it counts for coverage. */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Test } from 'tap'

const MAIN = 'src/cli/main.ts'

/** What a finished command left behind. */
export interface Finished {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs a command to its end. */
export function runCli(args: readonly string[], env: Record<string, string> = {}, main = MAIN) {
  return new Promise<Finished>(done => {
    const options = {
      env: { ...process.env, REFGENIE: '', REFDEPOT_CLIENT_CONFIG: '/nowhere/config.yaml', ...env },
    }
    execFile(
      process.execPath,
      [...process.execArgv, main, ...args],
      options,
      (error, stdout, stderr) =>
        done({
          code: typeof error?.code === 'number' ? error.code : error ? -1 : 0,
          stdout,
          stderr,
        }),
    )
  })
}

/** A server that was started, with its log. */
export interface Served {
  readonly child: ChildProcess
  readonly url: string
  readonly log: Record<string, unknown>[]
  /** Waits for a log line. */
  logged(pattern: RegExp): Promise<Record<string, unknown>>
  /** Stops it as an operator would, and answers the exit code. */
  stop(): Promise<number | null>
}

/** Starts `serve` on a free port and waits until it listens. */
export async function serveCli(t: Test, args: readonly string[], env = {}): Promise<Served> {
  const child = spawn(
    process.execPath,
    [...process.execArgv, MAIN, 'serve', '-p', '0', '--host', '127.0.0.1', ...args],
    // What is counted is written when the server ends, into a folder that the test removes.
    {
      env: { ...process.env, REFDEPOT_COUNT_DOWNLOADS: 'false', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  )
  const log: Record<string, unknown>[] = []
  let rest = ''
  child.stdout?.on('data', chunk => {
    rest += chunk
    const lines = rest.split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) log.push(JSON.parse(line))
    child.emit('logged')
  })
  const logged = async (pattern: RegExp) => {
    for (;;) {
      const line = log.find(entry => pattern.test(String(entry.msg)))
      if (line !== undefined) return line
      await once(child, 'logged')
    }
  }
  const stop = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return child.exitCode
    child.kill('SIGTERM')
    await once(child, 'exit')
    return child.exitCode
  }
  t.teardown(stop)
  const line = await logged(/Server listening at/)
  return { child, url: String(line.msg).replace(/.* at /, ''), log, logged, stop }
}
