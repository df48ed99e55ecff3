/** Lines for people and programs: results on stdout, everything else on stderr. */

/** Writes a result. */
export function toStdout(line: string): void {
  process.stdout.write(`${line}\n`)
}

/** Writes a note, a warning, how far something has come. */
export function toStderr(line: string): void {
  process.stderr.write(`${line}\n`)
}
