/** The version of this package. */
import { readFileSync } from 'node:fs'

/** Version as package.json has it; the file lies two folders above this one, in sources and when built. */
export function packageVersion(): string {
  const file = new URL('../../package.json', import.meta.url)
  return JSON.parse(readFileSync(file, 'utf8')).version
}
