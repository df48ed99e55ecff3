/**
 * Pulls assets: finds out everything that may be wrong before a byte moves, then fetches what is not there, several at a time. One that fails does not
 * stop the others.
 */
import { Shares } from '../archive/shares.ts'
import { RefdepotError } from '../domain/errors.ts'
import { inParallel } from '../domain/in-parallel.ts'
import type { Network } from '../transfer/network.ts'
import {
  DEFAULT_JOBS,
  type TransferOptions,
  type TransferSummary,
} from '../transfer/transfer-options.ts'
import { fetchAsset } from './fetch-asset.ts'
import type { PullEvent, PullSummary } from './pull-events.ts'
import { type Plan, planPull } from './pull-plan.ts'
import type { PullTarget } from './pull-target.ts'
import type { RemoteAsset } from './remote-asset.ts'
import type { PullItem } from './wanted.ts'

/** How assets are pulled. */
export interface PullOptions {
  readonly network: Network
  readonly target: PullTarget
  /** Folder whose disk must have room; it need not exist. */
  readonly folder: string
  /** Keep the archives as they are; the target must have been opened for that. */
  readonly archive?: boolean
  /** Also what is there already. */
  readonly force?: boolean
  /** True: only find out what would be done. */
  readonly dryRun?: boolean
  /** Connections for a large archive, and for small ones together. Default 10. */
  readonly jobs?: number
  /** All places of an archive at once; default: the next when one fails. */
  readonly race?: boolean
  readonly signal?: AbortSignal
  readonly onEvent?: (event: PullEvent) => void
}

// A connection more is worth it from here on.
const BYTES_A_CONNECTION = 4 * 1024 * 1024

/**
 * Pulls assets that were found before.
 *
 * @throws PullRefused, DiskFull, StorageWriteFailed before anything is fetched; the reason of the signal. What fails for one asset is in the summary
 */
export async function pullAssets(
  items: readonly PullItem[],
  options: PullOptions,
): Promise<PullSummary> {
  const plan = await planPull(items, options)
  const run = new PullRun(plan, options)
  return options.dryRun === true ? run.tell() : run.run()
}

class PullRun {
  readonly #plan: Plan
  readonly #options: PullOptions
  readonly #budget: Shares
  readonly #done: PullSummary['done'][number][] = []
  readonly #failed: PullSummary['failed'][number][] = []
  /** Why nothing more is begun: the disk is full. */
  #hopeless: RefdepotError | undefined

  constructor(plan: Plan, options: PullOptions) {
    this.#plan = plan
    this.#options = options
    this.#budget = new Shares(options.jobs ?? DEFAULT_JOBS)
  }

  async run(): Promise<PullSummary> {
    const { signal, jobs = DEFAULT_JOBS } = this.#options
    this.#tellCurrent()
    await inParallel(this.#plan.missing, jobs, async asset => {
      signal?.throwIfAborted()
      await this.#one(asset)
    })
    return this.#summary()
  }

  /** What would be done. */
  tell(): PullSummary {
    this.#tellCurrent()
    for (const { registryPath: subject, archive } of this.#plan.missing) {
      this.#tell({ event: 'missing', subject, bytes: archive.size })
    }
    return this.#summary()
  }

  #tellCurrent(): void {
    for (const { asset, path } of this.#plan.current) this.#note(asset, { path, action: 'current' })
  }

  #summary(): PullSummary {
    return { done: this.#done, failed: this.#failed }
  }

  async #one(asset: RemoteAsset): Promise<void> {
    const { target, signal } = this.#options
    try {
      if (this.#hopeless !== undefined) throw this.#hopeless
      let cost = NOTHING
      const placed = await target.place(asset, async (staging, note) => {
        cost = await this.#budget.with(this.#connections(asset), () =>
          this.#fetch(asset, staging, note),
        )
      })
      this.#note(asset, placed, cost)
    } catch (error) {
      if (signal?.aborted === true) throw signal.reason
      if (!(error instanceof RefdepotError)) throw error
      if (isHopeless(error)) this.#hopeless ??= error
      this.#failed.push({ subject: asset.registryPath, error })
      this.#tell({ event: 'failed', subject: asset.registryPath, error })
    }
  }

  async #fetch(
    asset: RemoteAsset,
    staging: string,
    note: Parameters<typeof fetchAsset>[2]['note'],
  ): Promise<TransferSummary> {
    const { archive = false } = this.#options
    const { registryPath: subject } = asset
    this.#tell({ event: 'begin', subject, bytes: asset.archive.size })
    const outsideLink = (path: string, target: string) => this.#linked(asset, path, target)
    return fetchAsset(asset, staging, { archive, note, outsideLink, ...this.#transfer(asset) })
  }

  /** A link to a file of another asset, as it leads here. */
  #linked(asset: RemoteAsset, path: string, target: string): string | undefined {
    const here = this.#options.target.linkOutside(asset, path, target)
    if (here === undefined) {
      const message = `${asset.registryPath}: ${path} is a link to ${target} at the server, and is left out`
      this.#tell({ event: 'note', message })
    }
    return here
  }

  #transfer(asset: RemoteAsset): TransferOptions {
    const { network, race, signal, onEvent } = this.#options
    return {
      network,
      jobs: this.#connections(asset),
      ...(race !== undefined && { race }),
      ...(signal && { signal }),
      ...(onEvent && { onEvent }),
    }
  }

  #connections({ archive }: RemoteAsset): number {
    const { jobs = DEFAULT_JOBS } = this.#options
    return Math.min(jobs, Math.max(1, Math.ceil(archive.size / BYTES_A_CONNECTION)))
  }

  #note(
    { registryPath }: RemoteAsset,
    { path, action }: { path: string; action: 'pulled' | 'current' },
    { received, resumed, retried }: TransferSummary = NOTHING,
  ): void {
    const subject = registryPath
    const done = { event: 'done', subject, action, path, received, resumed, retried } as const
    this.#done.push(done)
    this.#tell(done)
  }

  #tell(event: PullEvent): void {
    this.#options.onEvent?.(event)
  }
}

const NOTHING: TransferSummary = { received: 0, resumed: 0, retried: 0 }

/** True when every other asset would fail likewise, after its bytes were fetched. */
function isHopeless(error: RefdepotError): boolean {
  const { code } = (error.cause ?? {}) as { code?: string }
  return error.code === 'disk-full' || ['ENOSPC', 'EDQUOT', 'EROFS'].includes(code ?? '')
}
