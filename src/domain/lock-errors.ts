/** What can be wrong with a file of locked digests. */
import { RefdepotError } from './errors.ts'

/** Thrown when a lock cannot be read, or cannot be made of what there is; nothing was changed. */
export class LockRefused extends RefdepotError {
  readonly code = 'lock-refused'
}
