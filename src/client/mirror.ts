/**
 * `mirror`: keeps an archive folder that has what another server has. Only archives that are new come over the network; each is compared before it is
 * published, and files and config appear together, so a server over the folder sees the state before or the one after.
 */
import { mkdir, readdir, rm, stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { Move } from '../archive/publish.ts'
import { filesThere } from '../archive/remove-archives.ts'
import { OWN_FOLDER } from '../archive/run-folder.ts'
import { configOfFolder, SERVER_CONFIG, type TakingFolder, takeTags } from '../archive/take-tags.ts'
import { withConfigLock } from '../config/config-lock.ts'
import type { RawConfig } from '../config/genome-config-schema.ts'
import type { CatalogueEntry } from '../domain/catalogue.ts'
import { StorageWriteFailed } from '../domain/errors.ts'
import { nameOf } from '../domain/genome.ts'
import { parseSize } from '../domain/human-size.ts'
import { inParallel } from '../domain/in-parallel.ts'
import { PullRefused } from '../domain/transfer-errors.ts'
import type { TransferOptions } from '../transfer/transfer-options.ts'
import { type FetchedTag, fetchTag } from './fetch-tag.ts'
import { movesOf } from './fetched-files.ts'
import {
  knownLegacy,
  type MirrorPlan,
  type MirrorScope,
  planMirror,
  tagName,
} from './mirror-plan.ts'
import { type RemoteSource, remoteSource } from './remote-source.ts'
import { mustHaveRoom } from './room.ts'

/** What happens to a tag. */
export type MirrorEvent =
  /** `bytes` of archives came for it. `restricted`: it must not be passed on. `vanished`: it is not listed there any more, and stays here. */
  | {
      readonly event: 'fetched' | 'current' | 'restricted' | 'vanished' | 'removed'
      readonly registryPath: string
      readonly bytes: number
    }
  | { readonly event: 'failed'; readonly registryPath: string; readonly error: Error }

/** How a server is mirrored. */
export interface MirrorOptions extends MirrorScope {
  readonly transfer: TransferOptions
  /** True to remove what is not listed there any more. */
  readonly deletes?: boolean
  readonly onEvent?: (event: MirrorEvent) => void
}

/** What a run has done. */
export interface MirrorSummary {
  readonly fetched: number
  readonly current: number
  readonly restricted: number
  readonly vanished: number
  readonly removed: number
  /** Why tags failed, in the order of failing. */
  readonly failures: readonly Error[]
  /** Bytes of archives that came over the network. */
  readonly received: number
}

// Archives at a time; each has several connections.
const MOST_ARCHIVES = 3
// What was fetched is published after so long, so that a long first run can be served while it goes on.
const PUBLISH_MS = 30_000
const STAGING = 'mirror'
// What stat counts in.
const DISK_BLOCK = 512

/**
 * Mirrors a server into an archive folder. One run at a time works on a folder.
 *
 * @param server - its address, without a slash at the end
 * @throws RemoteFailed, NotInCatalogue, PullRefused, DiskFull, ConfigInvalid, ConfigLocked, StorageWriteFailed
 */
export async function mirrorServer(
  server: string,
  folder: string,
  options: MirrorOptions,
): Promise<MirrorSummary> {
  const archiveFolder = resolve(folder)
  const place = { archiveFolder, configFile: join(archiveFolder, SERVER_CONFIG) }
  const staging = join(archiveFolder, OWN_FOLDER, STAGING)
  await mkdir(staging, { recursive: true }).catch(error => {
    throw new StorageWriteFailed(staging, error)
  })
  return withConfigLock(staging, async () => {
    const config = await configOfFolder(place)
    const { network, signal } = options.transfer
    const legacy = knownLegacy(config)
    const source = await remoteSource(server, { network, legacy, ...(signal && { signal }) })
    const plan = await planMirror(source.catalogue, config, archiveFolder, options)
    await mustHaveRoom(archiveFolder, bytesOf(plan) - (await stagedBytes(staging)))
    return new MirrorRun({ source, place, staging, options }, plan).run()
  })
}

/** About how many bytes of archives will come: the list of a server has two decimals. */
function bytesOf({ wanted }: MirrorPlan): number {
  return wanted.reduce((sum, { tag }) => sum + (parseSize(tag.archiveSize) ?? 0), 0)
}

/** Bytes of the disk that an earlier run has taken. */
async function stagedBytes(staging: string): Promise<number> {
  let bytes = 0
  for (const entry of await readdir(staging, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const { blocks } = await stat(join(entry.parentPath, entry.name))
    bytes += blocks * DISK_BLOCK
  }
  return bytes
}

interface MirrorParts {
  readonly source: RemoteSource
  readonly place: TakingFolder
  /** Absolute path of the folder in which archives are prepared. */
  readonly staging: string
  readonly options: MirrorOptions
}

class MirrorRun {
  readonly #parts: MirrorParts
  readonly #plan: MirrorPlan
  readonly #failures: Error[] = []
  #ready: FetchedTag[] = []
  #publishing: Promise<void> = Promise.resolve()
  #publishedAt = performance.now()
  #fetched = 0
  #received = 0

  constructor(parts: MirrorParts, plan: MirrorPlan) {
    this.#parts = parts
    this.#plan = plan
  }

  async run(): Promise<MirrorSummary> {
    const { current, restricted, unsafe, wanted, vanished } = this.#plan
    const { deletes = false } = this.#parts.options
    if (deletes) this.#demandSense()
    for (const entry of current) this.#say(entry, 'current')
    for (const entry of restricted) this.#say(entry, 'restricted')
    for (const { entry, reason } of unsafe) this.#failed(entry, new PullRefused(reason))
    await inParallel(wanted, MOST_ARCHIVES, entry => this.#fetch(entry))
    await this.#publish(true)
    for (const entry of vanished) this.#say(entry, deletes ? 'removed' : 'vanished')
    if (this.#failures.length === 0) await this.#tidy()
    return {
      fetched: this.#fetched,
      current: current.length,
      restricted: restricted.length,
      vanished: deletes ? 0 : vanished.length,
      removed: deletes ? vanished.length : 0,
      failures: this.#failures,
      received: this.#received,
    }
  }

  /** A server that lists nothing is most often one that is broken. */
  #demandSense(): void {
    const { source } = this.#parts
    const { vanished } = this.#plan
    if (vanished.length === 0 || source.catalogue.archiveCount > 0) return
    throw new PullRefused(
      `${source.server} lists nothing: with --delete everything here would go. Remove the folder yourself when that is wanted`,
    )
  }

  async #fetch(entry: CatalogueEntry): Promise<void> {
    const { source, staging, options } = this.#parts
    const { genome, asset, tag } = entry
    const folder = join(staging, `${genome.digest}_${asset.name}__${tag.name}`)
    try {
      const fetched = await fetchTag(source, entry, folder, options.transfer)
      this.#ready.push(fetched)
      this.#fetched += 1
      this.#received += fetched.received
      this.#say(entry, 'fetched', fetched.received)
    } catch (error) {
      // A stop asked for by the operator is no failure of one tag.
      options.transfer.signal?.throwIfAborted()
      this.#failed(entry, error as Error)
    }
    if (performance.now() - this.#publishedAt > PUBLISH_MS) await this.#publish(false)
  }

  /** Publishes what is ready; at the end also what is said of tags whose archives are here, and what goes. One after the other. */
  #publish(isLast: boolean): Promise<void> {
    this.#publishedAt = performance.now()
    const ready = this.#ready
    this.#ready = []
    this.#publishing = this.#publishing.then(() => this.#take(ready, isLast))
    return this.#publishing
  }

  async #take(ready: readonly FetchedTag[], isLast: boolean): Promise<void> {
    const { source, place, options } = this.#parts
    const gone = isLast && options.deletes === true ? this.#plan.vanished : []
    const known = isLast ? this.#plan.current : []
    const config: RawConfig = source.config
    const moves: Move[] = []
    for (const fetched of ready) moves.push(...(await movesOf(fetched, place)))
    await takeTags(place, {
      source: config,
      tags: [...ready.map(({ entry }) => entry), ...known].map(tagName),
      moves,
      gone: gone.map(tagName),
      // What the archive before it had and the new one has not goes too.
      removals: await filesThere(place.archiveFolder, [
        ...ready.map(({ entry }) => entry),
        ...gone,
      ]),
    })
    for (const { folder } of ready) await rm(folder, { recursive: true, force: true })
  }

  /** Nothing that was begun is wanted any more. */
  async #tidy(): Promise<void> {
    await rm(this.#parts.staging, { recursive: true, force: true })
  }

  #failed(entry: CatalogueEntry, error: Error): void {
    this.#failures.push(error)
    this.#parts.options.onEvent?.({ event: 'failed', registryPath: nameOfEntry(entry), error })
  }

  #say(entry: CatalogueEntry, event: Exclude<MirrorEvent['event'], 'failed'>, bytes = 0): void {
    this.#parts.options.onEvent?.({ event, registryPath: nameOfEntry(entry), bytes })
  }
}

/** `genome/asset:tag` with the alias of the genome where it has one. */
function nameOfEntry(entry: CatalogueEntry): string {
  return `${nameOf(entry.genome)}/${entry.asset.name}:${entry.tag.name}`
}
