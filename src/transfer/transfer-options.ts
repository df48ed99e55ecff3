/** How a download is done, and what it tells meanwhile. */
import type { Network } from './network.ts'

/** Connections for a file: as many as the command lines of object stores open, so that a server which caps each of them is no slower than with `aria2c -x8`. */
export const DEFAULT_JOBS = 10

/** What happens during a download. */
export type TransferEvent =
  /** `bytes` are there already from an earlier run. */
  | { readonly event: 'resumed'; readonly subject: string; readonly bytes: number }
  /** `bytes` came over the network. Those that turn out to be wrong come again as `retried`. */
  | { readonly event: 'received'; readonly subject: string; readonly bytes: number }
  /** `bytes` were compared with their digest and are in place. */
  | { readonly event: 'verified'; readonly subject: string; readonly bytes: number }
  /** `bytes` must be fetched again, because of `reason`. */
  | {
      readonly event: 'retried'
      readonly subject: string
      readonly bytes: number
      readonly reason: string
    }
  /** The whole digest is compared: `bytes` of it so far. */
  | { readonly event: 'hashed'; readonly subject: string; readonly bytes: number }

/** How a download is done. */
export interface TransferOptions {
  readonly network: Network
  /** Connections for a file; default 10. */
  readonly jobs?: number
  /** True: all addresses at once, the faster fetches more. Default: the next address when one fails. */
  readonly race?: boolean
  readonly signal?: AbortSignal
  readonly onEvent?: (event: TransferEvent) => void
}

/** What a download has cost. */
export interface TransferSummary {
  /** Bytes that came over the network. */
  readonly received: number
  /** Bytes of an earlier run that were used again. */
  readonly resumed: number
  /** Bytes that had to be fetched again. */
  readonly retried: number
}
