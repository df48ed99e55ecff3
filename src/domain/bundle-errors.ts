/** What can be wrong with a bundle. */
import { type ErrorCode, RefdepotError } from './errors.ts'

/** Thrown when a file is no bundle, is not whole, or holds what a bundle must not hold; nothing was changed. */
export class BundleRefused extends RefdepotError {
  readonly code: ErrorCode = 'bundle-refused'
  /** The file that was given. */
  readonly bundle: string

  constructor(bundle: string, reason: string) {
    super(`${bundle}: ${reason}`)
    this.bundle = bundle
  }
}

/** Thrown when a file is a bundle whose bytes are not those that were made, or not all of them. */
export class BundleDamaged extends BundleRefused {
  override readonly code = 'bundle-damaged'
}
