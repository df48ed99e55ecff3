/**
 * Receives archives that others send, compares them with what was announced, and publishes them.
 *
 * Parts go to a name of their own. When all are there the archive is read once: its digests, its chunks, each file in it, and every view. Only
 * then it gets the name that its digest stands for, and the generation is switched. Each step may be done again: a server that is
 * killed leaves nothing that the next one could not end.
 */
import { randomUUID } from 'node:crypto'
import type { RawConfig } from '../config/genome-config-schema.ts'
import { Forbidden } from '../domain/access-errors.ts'
import { type CatalogueEntry, registryPathOf } from '../domain/catalogue.ts'
import type { TagNames } from '../domain/path-pattern.ts'
import {
  UnknownUpload,
  UploadIncomplete,
  type UploadLedger,
  type UploadRecord,
  UploadRefused,
} from '../domain/upload.ts'
import type { PartAddress } from '../storage/store-uploads.ts'
import { INDEX_SUFFIX } from './member-index.ts'
import { currentConfig } from './publish-generation.ts'
import { generationNow, type PublishUpload, publishUpload, stagingKey } from './publish-upload.ts'
import { fateOf } from './published-tag.ts'
import { demandPublishable } from './push-archives.ts'
import { demandKnownName } from './push-staged.ts'
import { readUploadOrder, type UploadOrder } from './upload-order.ts'

/** What a desk is made of. */
export interface UploadDeskParts extends PublishUpload {
  /** Called when the tag of an upload was published. */
  readonly onPublished: (record: UploadRecord) => Promise<unknown>
  /** Told what went wrong at an upload that can be tried again. */
  readonly onError: (error: unknown) => void
  /** How often it is said that an upload is being compared, in ms; for tests. */
  readonly heartbeatMs?: number
  /** The state; opened when it is needed. */
  readonly ledger: () => Promise<UploadLedger>
}

/** Who sends an archive. */
export interface Sender {
  readonly name: string
  mayWrite(names: TagNames, studies: readonly string[]): boolean
}

/** How far an upload has come, for the one who sends it. */
export interface UploadStatus {
  readonly record: UploadRecord
  /** Bytes of a part; the last one may be shorter. */
  readonly partSize: number
  readonly partCount: number
  /** Numbers of the parts that are there, from 1. */
  readonly received: readonly number[]
}

const DAY_MS = 24 * 3600 * 1000
// What nobody touches for so long is given up.
const KEPT_MS = 7 * DAY_MS
// Somebody who compares an archive says so more often than this.
const SILENT_MS = 60_000
const HEARTBEAT_MS = 10_000
const MOST_OPEN = 100
// What a store takes of one object.
const MOST_BYTES = 5 * 1024 ** 4
const ADDRESS_SECONDS = 3600

/** See the head of this file. */
export class UploadDesk {
  readonly #parts: UploadDeskParts
  readonly #running = new Map<string, Promise<void>>()

  constructor(parts: UploadDeskParts) {
    this.#parts = parts
  }

  /**
   * Begins an upload, or goes on with the one that the same sender has begun of the same archive. What is published under this name already
   * with the same files needs none: then its state is `published` at once.
   *
   * @throws UploadRefused, Forbidden, TagImmutable, ProvenanceMissing
   */
  async begin(value: unknown, sender: Sender): Promise<UploadStatus> {
    const order = readUploadOrder(value)
    const { entry, index } = order
    const registryPath = registryPathOf(entry)
    if (index.archive.size > MOST_BYTES) throw new UploadRefused(registryPath, 'it is too large')
    demandRight(await currentConfig(this.#parts), order, sender)
    demandPublishable(entry, this.#parts.require ?? [])
    const ledger = await this.#parts.ledger()
    const about = { registryPath, archive: index.archive.md5, createdBy: sender.name }
    if (await this.#isPublished(order)) {
      const generation = await generationNow(this.#parts)
      return this.#status(newRecord(order, { ...about, state: 'published', generation }))
    }
    const begun = await ledger.unfinished(about)
    if (begun !== undefined) return this.#status(begun)
    if ((await ledger.openOf(sender.name)) >= MOST_OPEN) {
      throw new UploadRefused(registryPath, `${sender.name} has ${MOST_OPEN} uploads open already`)
    }
    const record = newRecord(order, { ...about, state: 'open', order: JSON.stringify(value) })
    const { id } = await this.#parts.uploads.begin(stagingKey(record.id))
    const added = { ...record, storeUpload: id }
    await ledger.add(added)
    return this.#status(added)
  }

  /** Throws UnknownUpload, as all that follow. */
  async status(id: string, sender: Sender): Promise<UploadStatus> {
    return this.#status(await this.#own(id, sender))
  }

  /** Where a client can send parts itself; undefined when it must send them here. */
  async addresses(
    id: string,
    sender: Sender,
    parts: readonly { readonly number: number; readonly sha256: string }[],
  ): Promise<(PartAddress & { readonly number: number })[] | undefined> {
    const record = await this.#open(id, sender)
    const made: (PartAddress & { readonly number: number })[] = []
    for (const { number, sha256 } of parts) {
      this.#lengthOf(record, number)
      const address = await this.#parts.uploads.partAddress(
        storeUpload(record),
        number,
        sha256,
        ADDRESS_SECONDS,
      )
      if (address === undefined) return undefined
      made.push({ number, ...address })
    }
    await (await this.#parts.ledger()).touch(id)
    return made
  }

  /**
   * Takes a part.
   *
   * @throws UploadRefused when it has another length than it must have; StorageWriteFailed
   */
  async putPart(
    id: string,
    sender: Sender,
    { number, body, sha256 }: { number: number; body: Buffer; sha256: string },
  ): Promise<void> {
    const record = await this.#open(id, sender)
    const wanted = this.#lengthOf(record, number)
    if (body.length !== wanted) {
      const reason = `part ${number} must have ${wanted} bytes, not ${body.length}`
      throw new UploadRefused(record.registryPath, reason)
    }
    const offset = (number - 1) * this.#parts.uploads.partSize(record.size)
    await this.#parts.uploads.putPart(storeUpload(record), { number, offset, body, sha256 })
    await (await this.#parts.ledger()).touch(id)
  }

  /**
   * Ends an upload: it is compared and published in the background, `status` tells how far that has come. Asking twice does no harm.
   *
   * @throws UploadIncomplete
   */
  async complete(id: string, sender: Sender): Promise<UploadStatus> {
    const record = await this.#own(id, sender)
    if (record.state === 'published' || record.state === 'failed') return this.#status(record)
    // Its token may have fewer scopes by now, and others may have published.
    const order = readUploadOrder(JSON.parse(record.order))
    demandRight(await currentConfig(this.#parts), order, sender)
    const ledger = await this.#parts.ledger()
    if (await this.#isPublished(order)) {
      // Somebody was killed before it was written down.
      const generation = await generationNow(this.#parts)
      await ledger.end(id, { state: 'published', generation })
      return this.status(id, sender)
    }
    const { partCount, received } = await this.#status(record)
    const missing = numbersTo(partCount).filter(number => !received.includes(number))
    if (record.state === 'open' && missing.length > 0) {
      throw new UploadIncomplete(record.registryPath, missing)
    }
    if (await ledger.claim(id, new Date(Date.now() - SILENT_MS))) this.#start(record, sender)
    return this.status(id, sender)
  }

  /**
   * Gives an upload up.
   *
   * @throws UploadRefused while it is being compared: it may be published at any moment
   */
  async abort(id: string, sender: Sender): Promise<void> {
    const record = await this.#own(id, sender)
    if (record.state === 'verifying') {
      throw new UploadRefused(record.registryPath, 'it is being compared; wait for the end')
    }
    await this.#forget(record)
  }

  /** Waits for what is being compared. */
  async settled(): Promise<void> {
    await Promise.all(this.#running.values())
  }

  /** Gives up what nobody has touched for a week: here, and what other tools have left half-sent in the store. */
  async sweep(now = Date.now()): Promise<number> {
    const { uploads, store } = this.#parts
    const ledger = await this.#parts.ledger()
    const before = new Date(now - KEPT_MS)
    let removed = 0
    for (const record of await ledger.idleSince(before)) {
      await this.#forget(record)
      removed += 1
    }
    for (const upload of await uploads.begunBefore(before)) {
      await uploads.abort(upload)
      removed += 1
    }
    for (const { path } of await store.list('uploads')) {
      const id = path.replace(/\/.*$/, '')
      if ((await ledger.byId(id)) !== undefined) continue
      await uploads.remove(`uploads/${path}`)
      removed += 1
    }
    return removed
  }

  #start(record: UploadRecord, sender: Sender): void {
    const work = this.#publish(record, sender).finally(() => this.#running.delete(record.id))
    this.#running.set(record.id, work)
  }

  /** Never throws: what went wrong is told to the sender, or tried again. */
  async #publish(record: UploadRecord, sender: Sender): Promise<void> {
    const ledger = await this.#parts.ledger()
    const heart = setInterval(() => {
      ledger.touch(record.id).catch(this.#parts.onError)
    }, this.#parts.heartbeatMs ?? HEARTBEAT_MS)
    try {
      const order = readUploadOrder(JSON.parse(record.order))
      const end = await publishUpload(this.#parts, record, order, config =>
        demandRight(config, order, sender),
      )
      await ledger.end(record.id, end)
      if (end.state === 'published') await this.#parts.onPublished(record)
    } catch (error) {
      // A store or database that is away: the sender asks again.
      this.#parts.onError(error)
      await ledger.reopen(record.id).catch(this.#parts.onError)
    } finally {
      clearInterval(heart)
    }
  }

  async #forget(record: UploadRecord): Promise<void> {
    const { uploads } = this.#parts
    await uploads.abort(storeUpload(record))
    for (const key of [stagingKey(record.id), `${stagingKey(record.id)}.index.json`]) {
      await uploads.remove(key)
    }
    await (await this.#parts.ledger()).remove(record.id)
  }

  async #isPublished(order: UploadOrder): Promise<boolean> {
    const config = await currentConfig(this.#parts)
    const { entry, index } = order
    const { genome, asset, tag } = entry
    const there = config.genomes?.[genome.digest]?.assets?.[asset.name]?.tags?.[tag.name]
    const fate = await fateOf({ store: this.#parts.store, config }, entry, async () => index)
    return there?.archive_digest === tag.archiveDigest || fate.keepsArchive
  }

  async #own(id: string, { name }: Sender): Promise<UploadRecord> {
    const record = await (await this.#parts.ledger()).byId(id)
    if (record === undefined || record.createdBy !== name) throw new UnknownUpload(id)
    return record
  }

  async #open(id: string, sender: Sender): Promise<UploadRecord> {
    const record = await this.#own(id, sender)
    if (record.state === 'open') return record
    throw new UploadRefused(record.registryPath, `it is ${record.state} already`)
  }

  /** True when there is nothing to be sent any more: somebody was killed while it was compared, moved or published. */
  async #isSent({ id }: UploadRecord): Promise<boolean> {
    const { store } = this.#parts
    const staged = stagingKey(id)
    // The index lies there from before the comparison until the end.
    const [archive, index] = [staged, staged + INDEX_SUFFIX].map(key => store.identify(key))
    return (await archive) !== undefined || (await index) !== undefined
  }

  async #status(record: UploadRecord): Promise<UploadStatus> {
    const { uploads } = this.#parts
    const partSize = uploads.partSize(record.size)
    const partCount = Math.max(1, Math.ceil(record.size / partSize))
    if (record.state !== 'open') return { record, partSize, partCount, received: [] }
    const parts = await uploads.parts(storeUpload(record))
    // Put together already, by an attempt to end it that is to be repeated: there is nothing to be sent any more.
    const isSent = parts.length === 0 && (await this.#isSent(record))
    const received = isSent ? numbersTo(partCount) : parts.map(({ number }) => number)
    return { record, partSize, partCount, received }
  }

  #lengthOf({ size, registryPath }: UploadRecord, number: number): number {
    const partSize = this.#parts.uploads.partSize(size)
    const count = Math.max(1, Math.ceil(size / partSize))
    if (!Number.isInteger(number) || number < 1 || number > count) {
      throw new UploadRefused(registryPath, `there is no part ${number}; it has ${count}`)
    }
    return Math.min(partSize, size - (number - 1) * partSize)
  }
}

/** 1 to a number. */
function numbersTo(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i + 1)
}

/**
 * Names that count are those that are published; the sender names a genome only when it is new.
 *
 * @throws Forbidden, UploadRefused
 */
function demandRight({ genomes }: RawConfig, order: UploadOrder, sender: Sender): void {
  const { entry, studies, isOpened } = order
  const { genome, asset, tag } = entry
  const path = registryPathOf(entry)
  const known = genomes?.[genome.digest]
  const published = known?.aliases ?? []
  const aliases = known == null ? genome.aliases : published
  const names = { genome: [genome.digest, ...aliases], asset: asset.name, tag: tag.name }
  // The right to write what belongs to a study is none to open it: that would put it in the lists of everybody.
  const covered = sender.mayWrite(names, studies) && (!isOpened || sender.mayWrite(names, []))
  if (!covered) {
    throw new Forbidden(`this needs a token with a scope such as write:${nameOfTag(entry)}`)
  }
  if (known != null) {
    demandKnownName(entry, published)
    return
  }
  // A new genome takes its names for good: each of them must be the sender's to give, and a study is no right to names.
  const foreign = genome.aliases.find(alias => !sender.mayWrite({ ...names, genome: [alias] }, []))
  if (foreign !== undefined) {
    throw new Forbidden(`this needs a token with a scope such as write:${foreign}/*`)
  }
  for (const [digest, other] of Object.entries({ ...genomes })) {
    const taken = genome.aliases.find(alias => alias === digest || other?.aliases?.includes(alias))
    if (taken !== undefined) {
      throw new UploadRefused(path, `'${taken}' is the name of another genome here (${digest})`)
    }
  }
}

function storeUpload({ id, storeUpload }: UploadRecord) {
  return { key: stagingKey(id), id: storeUpload }
}

function nameOfTag({ genome, asset, tag }: CatalogueEntry): string {
  return `${genome.aliases[0] ?? genome.digest}/${asset.name}:${tag.name}`
}

function newRecord(
  { index }: UploadOrder,
  known: Pick<UploadRecord, 'registryPath' | 'archive' | 'createdBy' | 'state'> &
    Partial<UploadRecord>,
): UploadRecord {
  const now = new Date()
  return {
    id: randomUUID(),
    size: index.archive.size,
    createdAt: now,
    touchedAt: now,
    storeUpload: '',
    order: '{}',
    ...known,
  }
}
