/**
 * Receives archives that others send, compares them with what was announced, and publishes them.
 *
 * Parts go to a name of their own. When all are there the archive is read once: its digests, its chunks, each file in it, and every view. Only
 * then it gets the name that its digest stands for, and the generation is switched. Each step may be done again: a server that is
 * killed leaves nothing that the next one could not end.
 */
import { randomUUID } from 'node:crypto'
import type { RawConfig } from '../config/genome-config-schema.ts'
import { registryPathOf } from '../domain/catalogue.ts'
import {
  UnknownUpload,
  UploadIncomplete,
  type UploadLedger,
  type UploadRecord,
  UploadRefused,
} from '../domain/upload.ts'
import type { PartAddress } from '../storage/store-uploads.ts'
import { demandProvenance } from './demand-provenance.ts'
import { currentConfig } from './publish-generation.ts'
import {
  generationNow,
  type PublishUpload,
  publishUpload,
  removeStaged,
  stagingKey,
} from './publish-upload.ts'
import { fateOf } from './published-tag.ts'
import { findTag } from './server-record.ts'
import { readUploadOrder, type UploadOrder } from './upload-order.ts'
import {
  lengthOfPart,
  numbersTo,
  type PartPlan,
  partPlan,
  receivedParts,
  storeUpload,
} from './upload-parts.ts'
import { demandRight, type Sender } from './upload-rights.ts'

/** What a desk is made of. */
export interface UploadDeskParts extends PublishUpload {
  /** Called when the tag of an upload was published; it is told to the sender when that is done. */
  readonly onPublished: (record: UploadRecord) => Promise<unknown>
  /** Told what went wrong at an upload that can be tried again. */
  readonly onError: (error: unknown) => void
  /** How often it is said that an upload is being compared, in ms; for tests. */
  readonly heartbeatMs?: number
  /** The state; opened when it is needed. */
  readonly ledger: () => Promise<UploadLedger>
}

/** How far an upload has come, for the one who sends it. */
export interface UploadStatus extends PartPlan {
  readonly record: UploadRecord
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
    const config = await currentConfig(this.#parts)
    demandRight(config, order, sender)
    demandProvenance(entry, this.#parts.require ?? [])
    const ledger = await this.#parts.ledger()
    const about = { registryPath, archive: index.archive.md5, createdBy: sender.name }
    if (await this.#isPublished(config, order)) {
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
    const plan = partPlan(this.#parts.uploads, record)
    const made: (PartAddress & { readonly number: number })[] = []
    for (const { number, sha256 } of parts) {
      lengthOfPart(plan, record, number)
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
    const plan = partPlan(this.#parts.uploads, record)
    const wanted = lengthOfPart(plan, record, number)
    if (body.length !== wanted) {
      const reason = `part ${number} must have ${wanted} bytes, not ${body.length}`
      throw new UploadRefused(record.registryPath, reason)
    }
    const offset = (number - 1) * plan.partSize
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
    // Named already, maybe, but not known here yet.
    if (this.#running.has(id)) return this.#status(record)
    // Its token may have fewer scopes by now, and others may have published.
    const order = readUploadOrder(JSON.parse(record.order))
    const config = await currentConfig(this.#parts)
    demandRight(config, order, sender)
    const ledger = await this.#parts.ledger()
    if (await this.#isPublished(config, order)) {
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
    if (await ledger.claim(id, new Date(Date.now() - SILENT_MS))) {
      this.#start(record, order, sender)
    }
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

  #start(record: UploadRecord, order: UploadOrder, sender: Sender): void {
    const work = this.#publish(record, order, sender).finally(() => this.#running.delete(record.id))
    this.#running.set(record.id, work)
  }

  /** Never throws: what went wrong is told to the sender, or tried again. */
  async #publish(record: UploadRecord, order: UploadOrder, sender: Sender): Promise<void> {
    const ledger = await this.#parts.ledger()
    const heart = setInterval(() => {
      ledger.touch(record.id).catch(this.#parts.onError)
    }, this.#parts.heartbeatMs ?? HEARTBEAT_MS)
    try {
      const end = await publishUpload(this.#parts, record, order, config =>
        demandRight(config, order, sender),
      )
      // Before it is told: whoever hears that it is published finds it here.
      if (end.state === 'published') await this.#parts.onPublished(record)
      await ledger.end(record.id, end)
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
    await removeStaged(this.#parts, stagingKey(record.id))
    await (await this.#parts.ledger()).remove(record.id)
  }

  async #isPublished(config: RawConfig, { entry, index }: UploadOrder): Promise<boolean> {
    const { genome, asset, tag } = entry
    const there = findTag(config, { genome: genome.digest, asset: asset.name, tag: tag.name })
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

  async #status(record: UploadRecord): Promise<UploadStatus> {
    const plan = partPlan(this.#parts.uploads, record)
    return { record, ...plan, received: await receivedParts(this.#parts, record, plan) }
  }
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
