/** The log of one request: a child of the server's, made with its first line. Most requests of a server that logs failures only write none. */
import type { FastifyBaseLogger } from 'fastify'

type Child = FastifyBaseLogger['child']
type Line = Parameters<FastifyBaseLogger['info']>

/** A child of a logger that is made when it is needed. */
export class RequestLog implements FastifyBaseLogger {
  readonly #parent: FastifyBaseLogger
  readonly #child: Parameters<Child>
  #made: FastifyBaseLogger | undefined

  /** @param child - what `parent.child()` is told: what every line says of the request */
  constructor(parent: FastifyBaseLogger, ...child: Parameters<Child>) {
    this.#parent = parent
    this.#child = child
  }

  get level(): string {
    return this.#parent.level
  }

  fatal(...line: Line): void {
    this.#log.fatal(...line)
  }

  error(...line: Line): void {
    this.#log.error(...line)
  }

  warn(...line: Line): void {
    this.#log.warn(...line)
  }

  info(...line: Line): void {
    this.#log.info(...line)
  }

  debug(...line: Line): void {
    this.#log.debug(...line)
  }

  trace(...line: Line): void {
    this.#log.trace(...line)
  }

  silent(): void {}

  child(...child: Parameters<Child>): FastifyBaseLogger {
    return this.#log.child(...child)
  }

  get #log(): FastifyBaseLogger {
    this.#made ??= this.#parent.child(...this.#child)
    return this.#made
  }
}

// Loggers of these levels write what is only `info`.
const TELLING: ReadonlySet<string> = new Set(['trace', 'debug', 'info'])

/** True when a logger writes a line for each request. */
export function tellsRequests(log: FastifyBaseLogger): boolean {
  return TELLING.has(log.level)
}
