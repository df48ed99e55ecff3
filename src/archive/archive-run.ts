/**
 * A run of the archiver: packs tags and publishes them.
 *
 * Several tags are under way at a time: small ones are packed side by side, of large ones one (it uses all threads), while those before it are
 * flushed and their views hashed. What a run does and writes is in the order of the plan all the same. What is ready is published in groups:
 * each publication rewrites the config, which is large where there are many archives.
 */
import { writeFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { type CatalogueEntry, registryPathOf } from '../domain/catalogue.ts'
import type { ArchiveEvent, CreateOptions, CreateSummary } from './archive-events.ts'
import { type ArchivePlan, learnCollection, type PlannedTag } from './archive-plan.ts'
import { ArchivePool } from './archive-pool.ts'
import type { ArchiveTarget } from './archive-target.ts'
import { withViews } from './archive-views.ts'
import { assetDigestOf } from './asset-digests.ts'
import { formatIndex, INDEX_SUFFIX, type MemberIndex } from './member-index.ts'
import type { Move } from './publish.ts'
import { publishArchives } from './publish-archives.ts'
import type { ReadyTag } from './ready-tag.ts'
import type { ArchivedTag } from './server-record.ts'
import { Shares } from './shares.ts'
import { type PackedTag, packTag, stageTag } from './stage-archive.ts'

// Tags under way for each thread: reading, flushing and renaming of small ones takes longer than packing them.
const TAGS_PER_JOB = 3
// Tags that are packed side by side have so many bytes together, or it is only one: more files at a time would only make the disk seek.
const SIDE_BY_SIDE = 32 * 1024 * 1024

// A publication is due after so many milliseconds, and never takes more than a tenth of the time.
const PUBLISH_AFTER_MS = 2000
const PUBLISH_SHARE = 10

/** Takes what is ready of a tag to the next publication. */
type Ready = () => void

/** The work on a tag that was begun. */
interface Begun {
  /** It is packed, or that has failed. */
  readonly packed: Promise<unknown>
  readonly learnt: Promise<void>
  readonly ready: Promise<Ready | undefined>
}

/** Finds the files of a tag; `scratch` is a folder it may unpack into. */
export type Prepare = (entry: CatalogueEntry, scratch: string) => Promise<ReadyTag>

/** What a run works with. */
export interface RunParts {
  readonly target: ArchiveTarget
  readonly options: CreateOptions
  readonly plan: ArchivePlan
  /** Run folder. */
  readonly folder: string
  readonly ready: Prepare
}

/** Carries out a plan. */
export class ArchiveRun {
  readonly #target: ArchiveTarget
  readonly #options: CreateOptions
  readonly #plan: ArchivePlan
  readonly #folder: string
  readonly #ready: Prepare
  readonly #pool: ArchivePool
  readonly #packing = new Shares(SIDE_BY_SIDE)
  #moves: Move[] = []
  #records: ArchivedTag[] = []
  #removals: string[] = []
  #publishedAt = performance.now()
  #publishTook = 0
  #count = 0
  /** Archives whose views this run has looked after. */
  readonly #completed = new Set<string>()
  readonly #summary = {
    archived: 0,
    views: 0,
    skipped: 0,
    failed: 0,
    plainBytes: 0,
    packedBytes: 0,
  }

  constructor({ target, options, plan, folder, ready }: RunParts) {
    this.#target = target
    this.#options = options
    this.#plan = plan
    this.#folder = folder
    this.#ready = ready
    this.#pool = new ArchivePool(options.jobs ?? availableParallelism())
  }

  /** Does what is planned and answers how it went. */
  async carryOut(): Promise<CreateSummary> {
    const count = (action: string) => this.#plan.tags.filter(tag => tag.action === action).length
    this.#say({
      event: 'planned',
      create: count('create'),
      views: count('views'),
      skip: count('skip'),
    })
    await this.#packAll()
    await this.#completeViews()
    await this.#publish()
    return this.#summary
  }

  async #packAll(): Promise<void> {
    const most = this.#pool.jobs * TAGS_PER_JOB
    const under: Promise<unknown>[] = []
    const waits: Promise<void>[] = []
    let [learnt, kept]: Promise<void>[] = [Promise.resolve(), Promise.resolve()]
    try {
      for (const planned of this.#plan.tags) {
        this.#options.signal?.throwIfAborted()
        if (planned.action === 'skip') {
          this.#skip(planned)
          continue
        }
        const work = this.#begin(planned, learnt as Promise<void>)
        learnt = work.learnt
        kept = Promise.all([kept, work.ready]).then(([, ready]) => this.#keep(ready))
        under.push(work.packed, kept)
        waits.push(kept)
        // Whoever awaits them comes later; until then a failure is nobody's.
        for (const step of [work.packed, learnt, work.ready, kept]) step?.catch(() => {})
        if (waits.length >= most) {
          await waits.shift()
          under.splice(0, 2)
        }
      }
      await kept
    } catch (error) {
      // Stopped, but what is ready is kept, and nothing goes on behind it.
      await Promise.allSettled(under)
      if (this.#moves.length > 0) await this.#publish()
      throw error
    }
  }

  /** Ends the threads. */
  async stop(): Promise<void> {
    await this.#pool.stop()
  }

  #skip({ entry, reason, warn }: PlannedTag): void {
    this.#summary.skipped += 1
    if (warn) this.#say({ event: 'warning', archive: nameOfEntry(entry), message: reason })
  }

  /**
   * Begins the work on a tag: packing, then what takes its turn, since other tags are named by it, then what is put beside the archive.
   *
   * @param before - the tags before it were packed, and what they say of their genomes is known
   */
  #begin(planned: PlannedTag, before: Promise<void>): Begun {
    const { entry, archive, reason } = planned
    if (archive !== undefined) {
      const ready = before.then(() => this.#addViews(entry, archive, reason))
      return { packed: ready, learnt: before, ready }
    }
    const packed = this.#pack(entry)
    const learnt = Promise.all([packed, before]).then(([done]) => {
      if (done !== undefined) learnCollection(this.#plan.collections, done.index)
    })
    const ready = Promise.all([packed, learnt]).then(([done]) => done && this.#finish(done))
    return { packed, learnt, ready }
  }

  async #pack(entry: CatalogueEntry): Promise<PackedTag | undefined> {
    const archive = nameOfEntry(entry)
    try {
      const folder = join(this.#folder, this.#next())
      const ready = await this.#ready(entry, `${folder}-files`)
      return await this.#packing.with(ready.tree.size, async () => {
        this.#options.signal?.throwIfAborted()
        this.#say({ event: 'begin', archive, bytes: ready.tree.size })
        return packTag(ready, folder, {
          pool: this.#pool,
          onProgress: bytes => this.#say({ event: 'progress', archive, bytes }),
          ...(this.#options.signal && { signal: this.#options.signal }),
        })
      })
    } catch (error) {
      this.#failed(entry, error as Error)
      return undefined
    }
  }

  async #finish(packed: PackedTag): Promise<Ready | undefined> {
    const { entry } = packed
    const archive = nameOfEntry(entry)
    try {
      const index = await this.#withViews(entry, packed.archive, packed.index)
      const staged = await stageTag(this.#target, packed, index, this.#options.legacyFiles === true)
      return () => {
        for (const message of staged.warnings) this.#say({ event: 'warning', archive, message })
        this.#moves.push(...staged.moves)
        this.#removals.push(...packed.ready.removals)
        this.#records.push(this.#recordOf(packed, index))
        this.#summary.archived += 1
        this.#summary.plainBytes += packed.assetSize
        this.#summary.packedBytes += index.archive.size
        const sizes = { bytes: packed.assetSize, packed: index.archive.size }
        this.#say({ event: 'archived', archive, ...sizes })
      }
    } catch (error) {
      this.#failed(entry, error as Error)
      return undefined
    }
  }

  /** Takes what is ready to the next publication. */
  async #keep(ready: Ready | undefined): Promise<void> {
    ready?.()
    await this.#publishIfDue()
  }

  /** Views that became possible in this run: the FASTA of a genome may have been archived after other assets. */
  async #completeViews(): Promise<void> {
    for (const { entry, archive } of this.#plan.tags) {
      const collection = this.#plan.collections.get(entry.genome.digest)
      if (archive === undefined || this.#completed.has(archive.path)) continue
      if (collection === archive.index.views.v4?.sequence_collection) continue
      const ready = await this.#addViews(entry, archive, 'its genome has sequences now')
      ready?.()
    }
  }

  async #addViews(
    entry: CatalogueEntry,
    { path, index }: { path: string; index: MemberIndex },
    reason: string,
  ): Promise<Ready | undefined> {
    try {
      const count = this.#next()
      this.#completed.add(path)
      const completed = await this.#withViews(entry, path, index)
      const prepared = join(this.#folder, `${count}${INDEX_SUFFIX}`)
      await writeFile(prepared, formatIndex(completed), { flush: true })
      return () => {
        this.#moves.push({ from: prepared, to: path + INDEX_SUFFIX })
        this.#summary.views += 1
        this.#say({ event: 'views', archive: nameOfEntry(entry), reason })
      }
    } catch (error) {
      this.#failed(entry, error as Error)
      return undefined
    }
  }

  /** A name in the run folder that nothing else has. */
  #next(): string {
    this.#count += 1
    return String(this.#count)
  }

  #withViews(entry: CatalogueEntry, archive: string, index: MemberIndex): Promise<MemberIndex> {
    const collection = this.#plan.collections.get(entry.genome.digest)
    return withViews({ entry, archive, index, collection, pool: this.#pool })
  }

  #recordOf({ entry, assetSize }: PackedTag, index: MemberIndex): ArchivedTag {
    const { genome, asset, tag } = entry
    const [alias] = genome.aliases
    const legacy = alias === undefined ? undefined : index.views.legacy[alias]
    return {
      genome: genome.digest,
      asset: asset.name,
      tag: tag.name,
      archiveDigest: index.archive.md5,
      archiveSize: index.archive.size,
      assetSize,
      assetDigest: tag.assetDigest === '' ? assetDigestOf(index) : tag.assetDigest,
      ...(legacy && { legacyDigest: legacy.md5 }),
    }
  }

  async #publishIfDue(): Promise<void> {
    const due = Math.max(PUBLISH_AFTER_MS, this.#publishTook * PUBLISH_SHARE)
    if (performance.now() - this.#publishedAt > due) await this.#publish()
  }

  /** Publishes what is ready, together with the config. */
  async #publish(): Promise<void> {
    const began = performance.now()
    const [moves, records, removals] = [this.#moves, this.#records, this.#removals]
    this.#moves = []
    this.#records = []
    this.#removals = []
    const { descriptions } = this.#options
    await publishArchives(this.#target, { moves, records, removals, descriptions })
    this.#publishedAt = performance.now()
    this.#publishTook = this.#publishedAt - began
  }

  #failed(entry: CatalogueEntry, error: Error): void {
    // A stop asked for by the operator is no failure of one tag.
    this.#options.signal?.throwIfAborted()
    this.#summary.failed += 1
    this.#say({ event: 'failed', archive: nameOfEntry(entry), error })
  }

  #say(event: ArchiveEvent): void {
    this.#options.onEvent?.(event)
  }
}

function nameOfEntry(entry: CatalogueEntry): string {
  const [alias] = entry.genome.aliases
  const path = registryPathOf(entry)
  return alias === undefined ? path : path.replace(entry.genome.digest, alias)
}
