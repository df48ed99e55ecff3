/** Errors of downloads: what failed on the way to a server, and what was wrong with what it sent. */
import { type ErrorCode, RefdepotError } from './errors.ts'

/** What went wrong on the way: name look-up, connection, encryption, proxy, silence, an answer that cannot be used. */
export type RemoteFault =
  | 'dns'
  | 'connect'
  | 'tls'
  | 'proxy'
  | 'timeout'
  | 'stalled'
  | 'broken-off'
  | 'answer'
  | 'server-error'
  | 'busy'
  | 'denied'
  | 'not-found'
  | 'gone'

const CODES: Partial<Record<RemoteFault, ErrorCode>> = {
  denied: 'forbidden',
  'not-found': 'remote-missing',
  gone: 'remote-missing',
}

/** Thrown when a server could not be asked, or did not give what it was asked for. */
export class RemoteFailed extends RefdepotError {
  readonly code: ErrorCode
  readonly fault: RemoteFault
  /** Status of the answer; undefined when there was none. */
  readonly status: number | undefined
  /** Milliseconds that the server asks to wait before another attempt. */
  readonly retryAfterMs: number | undefined

  /** @param message - names the address without its query: signatures in there are rights */
  constructor(
    fault: RemoteFault,
    message: string,
    more: { status?: number; retryAfterMs?: number; cause?: unknown } = {},
  ) {
    super(message, { cause: more.cause })
    this.code = CODES[fault] ?? 'server-unreachable'
    this.fault = fault
    this.status = more.status
    this.retryAfterMs = more.retryAfterMs
  }
}

/** Thrown when what arrived, or what is on disk, is not what its digest says, and nobody has the right bytes. */
export class DigestMismatch extends RefdepotError {
  readonly code = 'digest-mismatch'
}

/** Thrown before anything is fetched when what is asked for cannot be done as it is. */
export class PullRefused extends RefdepotError {
  readonly code: ErrorCode = 'pull-refused'
}

/** Thrown when the question itself is wrong: nothing is asked for, of nobody, by a name that means nothing, or what cannot be had together. */
export class UsageInvalid extends PullRefused {
  override readonly code = 'usage-invalid'
}
