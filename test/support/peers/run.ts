/** Runs a real program and answers what it left behind. */
import { execFile } from 'node:child_process'

/** What a program left behind. */
export interface Ran {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs a program to its end; a program that is not installed fails the test that asks for it. */
export function run(
  program: string,
  args: readonly string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv; input?: string } = {},
): Promise<Ran> {
  return new Promise((done, failed) => {
    const child = execFile(
      program,
      args,
      { maxBuffer: 64 * 1024 * 1024, ...options },
      (error, stdout, stderr) => {
        if (error?.code === 'ENOENT') return failed(error)
        done({ code: error === null ? 0 : Number(error.code ?? -1), stdout, stderr })
      },
    )
    // A program that ends without reading its input is no failure.
    child.stdin?.on('error', () => {})
    child.stdin?.end(options.input ?? '')
  })
}
