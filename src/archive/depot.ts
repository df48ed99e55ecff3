/** What is served at one moment: a catalogue with its archive folder; reloading makes a new one and swaps it in. */
import { mkdir } from 'node:fs/promises'
import { withConfigLock } from '../config/config-lock.ts'
import { type ReadPolicy, readPolicy } from '../config/policy.ts'
import { AccessTable } from '../domain/access.ts'
import { Catalogue, type CatalogueSource } from '../domain/catalogue.ts'
import { ReleaseSet } from '../domain/release.ts'
import { CachingStore } from '../storage/caching-store.ts'
import { FileStore } from '../storage/file-store.ts'
import type { Store } from '../storage/store.ts'
import { ArchiveFolder } from './archive-folder.ts'
import { type ArchivePlaces, FOLDER_PLACES, PUBLISHED_PLACES } from './archive-places.ts'
import type { CheckProgress } from './check-progress.ts'
import { type SourceState, stateOfFiles } from './config-watch.ts'
import { ContentIndex } from './content-index.ts'
import { DigestLedger } from './digest-ledger.ts'
import { checkFolder, type Damage } from './folder-check.ts'
import { ForeignFiles } from './foreign-files.ts'
import { type Hashing, HashingThreads } from './hashing.ts'
import { IndexShelf } from './index-shelf.ts'
import { type CacheSettings, openPublished } from './open-published.ts'
import { finishPublishing, isUnfinished } from './publish.ts'
import { CURRENT_KEY, readPublished } from './published.ts'
import { type ReleaseFiles, releaseListing, releasesIn } from './releases.ts'
import { findServerConfig, type ReadConfig, type ServerConfig } from './server-config.ts'
import { timeSlices } from './time-slices.ts'

/** One catalogue with its files; immutable, so a request that holds one never sees two. */
export interface Generation {
  /** Everything, for nobody's eyes: faces see what `visibleTo` makes of it. */
  readonly catalogue: Catalogue
  /** What the catalogue was made of. */
  readonly source: CatalogueSource
  /** What is controlled. */
  readonly access: AccessTable
  /** Releases, for nobody's eyes either. */
  readonly releases: ReleaseSet
  /** The files that they were read from. */
  readonly releaseFiles: ReleaseFiles
  readonly folder: ArchiveFolder
  readonly store: Store
  readonly places: ArchivePlaces
  readonly ledger: DigestLedger
  readonly shelf: IndexShelf
  readonly foreign: ForeignFiles
  /** Absolute path of the config that is served. */
  readonly configFile: string
  /** State of the pointer to what is published, from before it was read; undefined for an archive folder. */
  readonly pointer: string | undefined
  /** Absolute paths of the configs and the policy it was read from. */
  readonly files: readonly string[]
  readonly archiveFolder: string
  readonly notes: readonly string[]
  /** The `refdepot` section of the config that was given. */
  readonly settings: Readonly<Record<string, unknown>>
  /** When the reading began: what is newer was not seen. */
  readonly loadedAt: Date
}

/** Where a depot is read from. */
export interface DepotSource {
  /** Path of the genome config; not needed when there is a store. */
  readonly config?: string
  /** Place of a published store: a folder, `s3://BUCKET/PREFIX`, or the URL of another server. */
  readonly store?: string
  /** True to start with a store in which nothing is published yet: others will publish there. */
  readonly mayBeEmpty?: boolean
  /** Keeps what was fetched from the store. */
  readonly cache?: CacheSettings
  readonly archiveFolder?: string
  readonly stateFolder?: string
  /** Path of the policy, when there is one beside the config. */
  readonly policy?: string
  /** Reads configs; without it they are read anew each time. */
  readonly readConfig?: ReadConfig
  /** Further folders that links in the archive folder may lead to. */
  readonly allowedRoots?: readonly string[]
}

/**
 * Reads the config and builds a catalogue of it.
 *
 * @throws ConfigUnreadable, ConfigInvalid (of the policy too)
 */
async function loadGeneration(source: DepotSource, previous?: Generation): Promise<Generation> {
  const loadedAt = new Date()
  const store = await storeOf(source, previous)
  // One that cannot be told differs from the next one that can: then all is read once more.
  const pointer = store && (await pointerState(store.store).catch(() => ''))
  const found = await (store === undefined
    ? findPublished(source, previous?.configFile)
    : findInStore(store, source.mayBeEmpty))
  const { config, archiveFolder } = found
  const policy = source.policy === undefined ? undefined : await readPolicy(source.policy)
  const parts = partsFor(source, archiveFolder, { previous, published: store?.store })
  const same = previous?.store === parts.store ? previous : undefined
  const releaseFiles = await releasesIn(parts.store, same?.releaseFiles)
  const { genomes } = config
  const sources = { marks: found.marks, ...(policy && { policy }) }
  return {
    catalogue: new Catalogue(config),
    source: config,
    access: new AccessTable(genomes, { configs: found.marks, ...(policy && { policy }) }),
    releases: new ReleaseSet(releaseFiles.releases, { genomes, ...sources }),
    releaseFiles,
    folder: new ArchiveFolder(parts),
    ...parts,
    configFile: config.file,
    pointer,
    files: policy === undefined ? found.files : [...found.files, policy.file],
    archiveFolder,
    notes: [
      ...found.notes,
      ...config.warnings,
      ...strayNames(config, policy),
      ...releaseFiles.notes,
    ],
    settings: found.settings,
    loadedAt,
  }
}

/** What is served from a folder or a store; what an older generation knew of the same place stays known. */
function partsFor(
  source: DepotSource,
  place: string,
  { previous, published }: { previous: Generation | undefined; published: Store | undefined },
) {
  if (previous !== undefined && previous.archiveFolder === place) {
    const { store, places, ledger, shelf, foreign, folder } = previous
    // What was known of digests counts until the new generation was checked: it belongs to bytes, not to configs.
    return { store, places, ledger, shelf, foreign, contents: folder.contents }
  }
  const store = published ?? new FileStore(place, source.allowedRoots)
  const places = published === undefined ? FOLDER_PLACES : PUBLISHED_PLACES
  const kept = published === undefined ? place : undefined
  return {
    store,
    places,
    ledger: new DigestLedger(kept, source.stateFolder),
    shelf: new IndexShelf(store),
    foreign: new ForeignFiles(store, places),
    contents: new ContentIndex(),
  }
}

interface PublishedStore {
  readonly place: string
  readonly store: Store
}

/** The published store that a source names, opened once; undefined for an archive folder. */
async function storeOf(
  { store: place, allowedRoots = [], cache }: DepotSource,
  previous?: Generation,
): Promise<PublishedStore | undefined> {
  if (place === undefined) return undefined
  const at = { place, allowedRoots, ...(cache && { cache }) }
  return { place, store: previous?.store ?? (await openPublished(at)) }
}

/** Differs when something else is published. Throws StorageFailed. */
async function pointerState(store: Store): Promise<string> {
  const pointer = await store.identify(CURRENT_KEY)
  return `${pointer?.inode} ${pointer?.modifiedMs}`
}

async function findInStore(
  { place, store }: PublishedStore,
  mayBeEmpty = false,
): Promise<ServerConfig> {
  const { config } = await readPublished(store, place, mayBeEmpty)
  const { marks, settings } = config
  return { config, archiveFolder: place, marks: [marks], settings, files: [], notes: [] }
}

function strayNames(config: CatalogueSource, policy: ReadPolicy | undefined): string[] {
  return policy?.strayNames(config.genomes) ?? []
}

/** The server config, after a publication that a killed archiver has begun was ended. */
async function findPublished(
  { config = '', archiveFolder, readConfig }: DepotSource,
  previous: string | undefined,
): Promise<ServerConfig> {
  const find = () => findServerConfig(config, archiveFolder, previous, readConfig)
  const found = await find()
  if (!(await isUnfinished(found.archiveFolder))) return found
  try {
    await withConfigLock(found.config.file, () => finishPublishing(found.archiveFolder))
    return await find()
  } catch (error) {
    const note = `an archiver was killed while it published, and this server cannot end its work (${(error as Error).message}); run \`refdepot archive create\` again`
    return { ...found, notes: [...found.notes, note] }
  }
}

/** Holds the current generation, swaps it on reload, and checks its files in the background. */
export class Depot {
  readonly #source: DepotSource
  readonly #hashing: Hashing
  #current: Generation
  #damages: readonly Damage[] = []
  #progress: CheckProgress = { state: 'waiting', checked: 0, total: 0 }
  #reloadError: Error | undefined
  #reloading: Promise<unknown> = Promise.resolve()
  #checking = new AbortController()

  private constructor(source: DepotSource, first: Generation, hashing: Hashing) {
    this.#source = source
    this.#hashing = hashing
    this.#current = first
  }

  /**
   * Opens a depot. Throws as {@link loadGeneration}: a broken config stops the start.
   *
   * @param hashing - who computes digests; threads of this process without it
   */
  static async open(source: DepotSource, hashing: Hashing = new HashingThreads()): Promise<Depot> {
    if (source.stateFolder !== undefined) {
      // Only a fall-back: a state folder that cannot be made leaves the digests in memory.
      await mkdir(source.stateFolder, { recursive: true }).catch(() => {})
    }
    return new Depot(source, await loadGeneration(source), hashing)
  }

  /**
   * The state of what generations are read from: another text means that a reload is due.
   *
   * @throws StorageFailed when a store cannot be asked
   */
  async sourceState(): Promise<SourceState> {
    const { files, store, releaseFiles, pointer: read } = this.#current
    const state = await stateOfFiles(files)
    const listing = await releaseListing(store).catch(() => releaseFiles.listing)
    const pointer = this.#source.store === undefined ? undefined : await pointerState(store)
    // Times of a store are those of its clock, in whole seconds: what was read is compared instead.
    const isRead = listing === releaseFiles.listing && pointer === read
    return {
      text: `${state.text} ${listing} ${pointer}`,
      newest: isRead ? state.newest : Number.POSITIVE_INFINITY,
    }
  }

  /** The generation that counts now; take it once a request. */
  get current(): Generation {
    return this.#current
  }

  /** Archives that are missing or damaged, as far as the check has come. */
  get damages(): readonly Damage[] {
    return this.#damages
  }

  get progress(): CheckProgress {
    return this.#progress
  }

  /** Why the last reload failed; undefined when it did not. */
  get reloadError(): Error | undefined {
    return this.#reloadError
  }

  /**
   * Reads the config again and swaps the new catalogue in; when it is broken the old one stays.
   *
   * @throws ConfigUnreadable, ConfigInvalid (kept as `reloadError` too)
   */
  reload(): Promise<Generation> {
    // One after the other: the one that was asked for last has seen the newest files, and must not be overtaken.
    const next = this.#reloading
      .catch(() => {})
      .then(() => this.prepare())
      .then(generation => this.adopt(generation))
    this.#reloading = next
    return next
  }

  /**
   * Reads the config again and swaps nothing: the first half of a reload that several processes make together.
   *
   * @throws ConfigUnreadable, ConfigInvalid (kept as `reloadError` too)
   */
  async prepare(): Promise<Generation> {
    try {
      const next = await loadGeneration(this.#source, this.#current)
      // Requests go on with the old one until the new one answers everything at once.
      await next.catalogue.fill(timeSlices())
      return next
    } catch (error) {
      this.#reloadError = error as Error
      throw error
    }
  }

  /** The second half: what was prepared counts from now on. */
  adopt(generation: Generation): Generation {
    this.#current = generation
    this.#reloadError = undefined
    return generation
  }

  /**
   * Checks existence, size and digests of every archive of the current generation, in a thread of its own; a check that is
   * running for an older generation stops.
   */
  async check(deep = true): Promise<readonly Damage[]> {
    this.#checking.abort()
    const control = new AbortController()
    this.#checking = control
    const { catalogue, store, places, ledger, shelf, folder } = this.#current
    // Whatever is in a published store was compared with its index when it came; an archive folder is read by ourselves.
    const published = this.#source.store !== undefined
    const pathOf = (key: string) => (store as FileStore).pathOf(key)
    this.#progress = { state: 'running', checked: 0, total: 0 }
    const contents = new ContentIndex(folder.contents)
    const damages = await checkFolder({
      catalogue,
      store,
      places,
      ledger,
      shelf,
      contents,
      believesIndex: published,
      ...(deep &&
        !published && {
          digests: key => this.#hashing.digests(pathOf(key)),
          viewDigests: (key, index, naming) =>
            this.#hashing.viewDigests({ archive: pathOf(key), index, naming }),
        }),
      signal: control.signal,
      onProgress: (checked, total) => {
        if (!control.signal.aborted) this.#progress = { state: 'running', checked, total }
      },
    })
    if (control.signal.aborted) return this.#damages
    this.#damages = damages
    contents.complete = true
    folder.contents = contents
    this.#progress = { ...this.#progress, state: 'done' }
    return damages
  }

  /** Stops the background work. */
  async close(): Promise<void> {
    this.#checking.abort()
    await this.#hashing.stop()
    const { store } = this.#current
    if (store instanceof CachingStore) await store.close()
  }
}
