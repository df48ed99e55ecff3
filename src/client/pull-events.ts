/** What a pull tells while it runs, and what it has done in the end. */
import type { RefdepotError } from '../domain/errors.ts'
import type { TransferEvent } from '../transfer/transfer-options.ts'

/** What happens during a pull. `subject` is the registry path of an asset. */
export type PullEvent =
  | TransferEvent
  /** So many names were asked for at the servers. */
  | { readonly event: 'looked-up'; readonly done: number; readonly total: number }
  /** Everything is known and nothing fetched yet: assets, those that are there already, bytes to fetch. */
  | {
      readonly event: 'planned'
      readonly assets: number
      readonly current: number
      readonly bytes: number
    }
  /** Only told instead of fetching: an asset that is not there. */
  | { readonly event: 'missing'; readonly subject: string; readonly bytes: number }
  /** An asset is begun; `bytes` is what its archive has. */
  | { readonly event: 'begin'; readonly subject: string; readonly bytes: number }
  | PullDone
  | { readonly event: 'failed'; readonly subject: string; readonly error: RefdepotError }
  /** Something worth telling, one sentence. */
  | { readonly event: 'note'; readonly message: string }

/** An asset is in place. */
export interface PullDone {
  readonly event: 'done'
  readonly subject: string
  /** `current`: it was there. */
  readonly action: 'pulled' | 'current'
  /** Absolute path of its folder, of the archive, or of the folder of single files. */
  readonly path: string
  /** Bytes that came over the network, came from an earlier run, and had to be fetched again. */
  readonly received: number
  readonly resumed: number
  readonly retried: number
}

/** What a pull has done. */
export interface PullSummary {
  readonly done: readonly PullDone[]
  readonly failed: readonly { readonly subject: string; readonly error: RefdepotError }[]
}
