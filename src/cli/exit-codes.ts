/** Exit codes of every command, and which error ends in which. */
import type { ErrorCode } from '../domain/errors.ts'
import { RefdepotError } from '../domain/errors.ts'

/** Exit codes of every command. */
export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 2,
  notFound: 3,
  denied: 4,
  digestMismatch: 5,
  partial: 6,
} as const

const BY_CODE: Partial<Record<ErrorCode, number>> = {
  'setting-invalid': EXIT.usage,
  'usage-invalid': EXIT.usage,
  'config-unreadable': EXIT.notFound,
  'unknown-genome': EXIT.notFound,
  'unknown-asset': EXIT.notFound,
  'unknown-tag': EXIT.notFound,
  'unknown-seek-key': EXIT.notFound,
  'unknown-file': EXIT.notFound,
  'unknown-archive': EXIT.notFound,
  'unknown-token': EXIT.notFound,
  'unknown-release': EXIT.notFound,
  'unknown-manifest': EXIT.notFound,
  'scope-invalid': EXIT.usage,
  'login-required': EXIT.denied,
  forbidden: EXIT.denied,
  'push-damaged': EXIT.digestMismatch,
  'remote-missing': EXIT.notFound,
  'bundle-damaged': EXIT.digestMismatch,
  'digest-mismatch': EXIT.digestMismatch,
  'dataset-missing': EXIT.notFound,
  'dataset-damaged': EXIT.digestMismatch,
}

/** Thrown for what another process of this program could not do. */
export class FarError extends Error {
  /** The exit code that the error ended in there. */
  readonly exitCode: number

  constructor(message: string, exitCode: number) {
    super(message)
    this.exitCode = exitCode
  }
}

/** The exit code an error ends in. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof FarError) return error.exitCode
  return (error instanceof RefdepotError && BY_CODE[error.code]) || EXIT.failed
}
