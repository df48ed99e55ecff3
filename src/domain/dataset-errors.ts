/** What can go wrong with datasets; each names the dataset and says what to do. */
import { RefdepotError } from './errors.ts'

/** Thrown when a dataset cannot be packaged, uploaded, downloaded or bundled as it is; nothing was changed. */
export class DatasetRefused extends RefdepotError {
  readonly code = 'dataset-refused'
  /** Dataset, or the file that was given. */
  readonly subject: string

  constructor(subject: string, reason: string) {
    super(`${subject}: ${reason}`)
    this.subject = subject
  }
}

/** Thrown when a dataset is not there, or not complete: it has no DATA_READY. */
export class DatasetMissing extends RefdepotError {
  readonly code = 'dataset-missing'
  readonly subject: string

  constructor(subject: string, reason: string) {
    super(`${subject}: ${reason}`)
    this.subject = subject
  }
}

/** Thrown when files are not the ones that their DATA_READY names; what was fetched of them is thrown away. */
export class DatasetDamaged extends RefdepotError {
  readonly code = 'dataset-damaged'
  readonly subject: string

  constructor(subject: string, reason: string) {
    super(`${subject}: ${reason}`)
    this.subject = subject
  }
}
