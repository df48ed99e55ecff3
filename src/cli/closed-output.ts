/** What becomes of output that nobody takes any more (`refdepot ls | head`), or that does not fit on its disk. */
import { EXIT } from './exit-codes.ts'

/**
 * Lets a command go on without a reader: its work and its exit code are worth more than its lines. Output that cannot be written for any other reason
 * ends the process with an error.
 */
export function surviveClosedOutput(): void {
  for (const [name, stream] of Object.entries({ stdout: process.stdout, stderr: process.stderr })) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE') return
      // Of what fails on stderr nobody can be told.
      if (name === 'stdout')
        process.stderr.write(`refdepot: cannot write the output: ${error.message}\n`)
      process.exit(EXIT.failed)
    })
  }
}
