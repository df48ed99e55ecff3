/** Goes through datasets one after the other: one that fails does not stop the others. */
import { type Dataset, titleOf } from '../domain/dataset.ts'
import { RefdepotError } from '../domain/errors.ts'

/** What was done with a dataset. */
type DatasetAction = 'packaged' | 'unchanged' | 'uploaded' | 'present' | 'downloaded' | 'current'

/** What happens, for whoever shows it. */
export type DatasetEvent =
  | { readonly event: 'begin'; readonly dataset: string; readonly bytes: number }
  | { readonly event: 'progress'; readonly dataset: string; readonly bytes: number }
  | DatasetDone
  | { readonly event: 'failed'; readonly dataset: string; readonly error: RefdepotError }

/** A dataset that is done; `bytes` is what was hashed, sent or fetched for it. */
export interface DatasetDone {
  readonly event: 'done'
  readonly dataset: string
  readonly action: DatasetAction
  readonly bytes: number
}

/** What a run has done. */
export interface DatasetSummary {
  readonly done: number
  /** Bytes that were hashed, sent or fetched. */
  readonly bytes: number
  readonly failures: readonly RefdepotError[]
}

/** Tells how work on one dataset goes on. */
export interface Telling {
  /** How many bytes there are to do. */
  begin(bytes: number): void
  /** Bytes that were done since the last call. */
  progress(bytes: number): void
}

/** Works on each dataset; failures of ours are gathered, anything else is thrown. */
export async function runDatasets<T extends Dataset>(
  datasets: readonly T[],
  onEvent: (event: DatasetEvent) => void,
  work: (dataset: T, tell: Telling) => Promise<Pick<DatasetDone, 'action' | 'bytes'>>,
): Promise<DatasetSummary> {
  const failures: RefdepotError[] = []
  let bytes = 0
  for (const item of datasets) {
    const dataset = titleOf(item)
    const tell: Telling = {
      begin: total => onEvent({ event: 'begin', dataset, bytes: total }),
      progress: more => onEvent({ event: 'progress', dataset, bytes: more }),
    }
    try {
      const done = await work(item, tell)
      bytes += done.bytes
      onEvent({ event: 'done', dataset, ...done })
    } catch (error) {
      if (!(error instanceof RefdepotError)) throw error
      failures.push(error)
      onEvent({ event: 'failed', dataset, error })
    }
  }
  return { done: datasets.length - failures.length, bytes, failures }
}
