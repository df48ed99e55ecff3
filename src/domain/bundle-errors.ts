/** What can be wrong with a bundle. */
import { RefdepotError } from './errors.ts'

/** Thrown when a file is no bundle, is not whole, or holds what a bundle must not hold; nothing was changed. */
export class BundleRefused extends RefdepotError {
  readonly code = 'bundle-refused'
  /** The file that was given. */
  readonly bundle: string

  constructor(bundle: string, reason: string) {
    super(`${bundle}: ${reason}`)
    this.bundle = bundle
  }
}
