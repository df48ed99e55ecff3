/**
 * Manifests that others keep here for a while: named by the digest of their content, given back as they were sent.
 *
 * They are what their sender wrote and nothing else: nothing of them is looked up in the catalogue, neither when they come in nor when they are
 * given back, so they tell nobody what is here. What they name is fetched by the routes of archives, which ask who may.
 */
import { Forbidden, LoginRequired, TooMany } from '../domain/access-errors.ts'
import { isSha256 } from '../domain/digest.ts'
import { NotInCatalogue } from '../domain/errors.ts'
import {
  formatManifest,
  type ManifestFormat,
  parseManifest,
  withAddresses,
} from '../domain/manifest.ts'
import { ManifestsOff } from '../domain/manifest-row.ts'
import { METALINK_TYPE } from '../domain/metalink.ts'
import { type Blob, memoryBlob } from '../storage/blob.ts'
import { sha256Of } from '../storage/sha256.ts'
import type { AccessControl } from './access/access-control.ts'
import type { Caller } from './access/caller.ts'
import { AnswerMemory } from './answer-memory.ts'
import type { ManifestPolicy } from './app-settings.ts'

/** What is said of a manifest that is kept. */
export interface KeptManifestRecord {
  /** SHA-256 of the JSON form, hex. */
  readonly id: string
  /** Number of its rows. */
  readonly rows: number
  /** Bytes of the archives together. */
  readonly bytes: number
  readonly expires_at: string
}

const DAY_MS = 86_400_000
const KEPT_MS = 90 * DAY_MS
const HOUR_MS = 3_600_000
// What one sender may add in an hour, and what all of them may have here.
const MOST_IN_AN_HOUR = 100
const MOST_BYTES = 2 * 1024 ** 3
// Forms that were asked for lately.
const MEMORY = 32 * 1024 * 1024

const MEDIA_TYPES: Readonly<Record<ManifestFormat, string>> = {
  tsv: 'text/tab-separated-values; charset=utf-8',
  json: 'application/json',
  meta4: METALINK_TYPE,
  sha256: 'text/plain; charset=utf-8',
  aria2: 'text/plain; charset=utf-8',
}

/** How many manifests are taken; the limits of this file without it. */
export interface ManifestLimits {
  readonly anHour: number
  /** Bytes of all of them together. */
  readonly bytes: number
}

/** See the head of this file. */
export class KeptManifests {
  readonly #access: AccessControl
  readonly #policy: ManifestPolicy
  readonly #limits: ManifestLimits
  readonly #forms = new AnswerMemory(MEMORY)

  constructor(
    access: AccessControl,
    policy: ManifestPolicy,
    limits: ManifestLimits = { anHour: MOST_IN_AN_HOUR, bytes: MOST_BYTES },
  ) {
    this.#access = access
    this.#policy = policy
    this.#limits = limits
  }

  /**
   * Refuses a caller who may not keep manifests here; before anything of a body is read.
   *
   * @throws ManifestsOff, LoginRequired, Forbidden
   */
  demandSender({ credentials, rights }: Caller): void {
    this.#demandOn()
    if (this.#policy === 'open') return
    if (credentials !== 'valid') throw new LoginRequired()
    if (!rights.mayWriteSome)
      throw new Forbidden('this needs a token with a scope such as write:GENOME/*')
  }

  /**
   * Keeps a manifest.
   *
   * @throws ManifestInvalid; TooMany when the sender has added many of late, or there is no room for more; StateUnavailable
   */
  async keep(
    text: string,
    { name, credentials }: Caller,
    address: string,
  ): Promise<{ readonly record: KeptManifestRecord; readonly isNew: boolean }> {
    const { manifests } = await this.#access.state.open()
    const since = new Date(Date.now() - HOUR_MS)
    if ((await manifests.addedBy(name, since)) >= this.#limits.anHour) {
      const reason = `${this.#limits.anHour} manifests were added in an hour by the same sender`
      throw new TooMany(reason, HOUR_MS / 1000)
    }
    const { rows } = parseManifest(text)
    const content = formatManifest({ rows }, 'json')
    if ((await manifests.bytes()) + Buffer.byteLength(content) > this.#limits.bytes) {
      throw new TooMany('there is no room for more manifests here', DAY_MS / 1000)
    }
    const id = (await sha256Of(Buffer.from(content))).toString('hex')
    const expiresAt = new Date(Date.now() + KEPT_MS)
    const isNew = await manifests.keep({ id, content, createdBy: name, expiresAt })
    if (isNew && credentials === 'valid') {
      this.#access.trail.note({ actor: name, action: 'manifest-kept', subject: id, address })
    }
    const bytes = rows.reduce((sum, { size }) => sum + size, 0)
    return { record: { id, rows: rows.length, bytes, expires_at: expiresAt.toISOString() }, isNew }
  }

  /**
   * A manifest in a format. Assets without an address of their own get the one that they have here.
   *
   * @throws ManifestsOff; NotInCatalogue when it is not here (any more); ManifestInvalid when the format needs what it does not have
   */
  async blob(
    id: string,
    format: ManifestFormat,
    absolute: (path: string) => string,
  ): Promise<Blob> {
    this.#demandOn()
    const state = isSha256(id) ? await this.#access.state.present() : undefined
    const content = await state?.manifests.find(id)
    if (content === undefined) {
      const message = `there is no manifest '${id}' here; one that was kept is given up after 90 days`
      throw new NotInCatalogue('unknown-manifest', id, message)
    }
    return this.#forms.of(this, `${id} ${format} ${absolute('')}`, () =>
      memoryBlob(formOf(content, format, absolute), MEDIA_TYPES[format]),
    )
  }

  #demandOn(): void {
    if (this.#policy === 'off') throw new ManifestsOff()
  }
}

function formOf(
  content: string,
  format: ManifestFormat,
  absolute: (path: string) => string,
): string {
  if (format === 'json') return content
  const manifest = parseManifest(content)
  const addressOf = (digest: string) => absolute(`/archives/${digest}`)
  const needsUrls = format === 'meta4' || format === 'aria2'
  return formatManifest(needsUrls ? withAddresses(manifest, addressOf) : manifest, format)
}
