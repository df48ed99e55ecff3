/** Errors of the configuration: they name the file, the line and the key, and say what is allowed. */
import { RefdepotError } from '../domain/errors.ts'

/** Where in a config something is wrong. */
export interface ConfigPlace {
  /** Path of the file. */
  readonly file: string
  /** 1-based line; undefined when the problem has no line (a missing file, an empty one). */
  readonly line?: number
  /** Keys from the top to the place, such as `genomes.<digest>.aliases`. */
  readonly key?: string
}

/** Thrown when a config is readable but wrong; the message lists every problem, one a line. */
export class ConfigInvalid extends RefdepotError {
  readonly code = 'config-invalid'
  readonly places: readonly ConfigPlace[]

  constructor(problems: readonly (ConfigPlace & { readonly message: string })[]) {
    super(problems.map(problem => `${format(problem)} ${problem.message}`).join('\n'))
    this.places = problems
  }
}

/** Thrown when a config file cannot be read at all. */
export class ConfigUnreadable extends RefdepotError {
  readonly code = 'config-unreadable'
  readonly file: string

  /** @param what - the kind of file, for the message */
  constructor(file: string, cause: unknown, what = 'the genome config') {
    const why = (cause as NodeJS.ErrnoException).code
    const reason = why === 'ENOENT' ? 'there is no such file' : (cause as Error).message
    super(`cannot read ${what} ${file}: ${reason}`, { cause })
    this.file = file
  }
}

/** Thrown when a server setting (flag, environment or file) has a value that is not allowed. */
export class SettingInvalid extends RefdepotError {
  readonly code = 'setting-invalid'

  constructor(source: string, value: string, allowed: string) {
    super(`${source}: '${value}' is not allowed; give ${allowed}`)
  }
}

function format(place: ConfigPlace): string {
  const line = place.line === undefined ? '' : `:${place.line}`
  const key = place.key === undefined ? '' : ` ${place.key}`
  return `${place.file}${line}:${key}`
}
