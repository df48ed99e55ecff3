/** Runs the command line within the process of the test: a process of its own takes seconds from sources. */
import { AsyncLocalStorage } from 'node:async_hooks'
import { runProgram } from '../../src/cli/program.ts'
import type { Finished } from './run-cli.ts'

interface Output {
  stdout: string
  stderr: string
}

const outputs = new AsyncLocalStorage<Output>()

// What the command writes is kept, what the test runner writes goes its way: they are told apart by who called.
for (const name of ['stdout', 'stderr'] as const) {
  const write = process[name].write.bind(process[name])
  process[name].write = ((chunk: string | Uint8Array, ...rest: never[]) => {
    const output = outputs.getStore()
    if (output === undefined) return write(chunk, ...rest)
    output[name] += String(chunk)
    return true
  }) as typeof process.stdout.write
}

/** Runs a command to its end; environment variables count for its time, so run one command after the other. */
export async function runHere(
  args: readonly string[],
  env: Record<string, string> = {},
  terminal = false,
): Promise<Finished> {
  const output: Output = { stdout: '', stderr: '' }
  const before = { ...process.env }
  const { isTTY } = process.stderr
  process.stderr.isTTY = terminal
  Object.assign(process.env, {
    REFGENIE: '',
    REFDEPOT_CLIENT_CONFIG: '/nowhere/config.yaml',
    ...env,
  })
  try {
    const code = await outputs.run(output, () => runProgram(args, { name: 'refdepot' }))
    return { code, ...output }
  } finally {
    process.stderr.isTTY = isTTY
    for (const name of Object.keys(env)) delete process.env[name]
    Object.assign(process.env, before)
  }
}
