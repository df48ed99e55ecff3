/**
 * Counts downloads: how many archives have arrived, and how many bytes were sent.
 *
 * What happens is gathered for a moment and then written to the state. While the state cannot be reached (a database that is down, a folder
 * that may not be written) the same rules are applied in memory, and the numbers are written later. Who a client is never leaves this
 * process (docs/statistics.md).
 */
import { StateUnavailable } from '../../domain/access-errors.ts'
import type { DownloadPart } from '../../domain/download-progress.ts'
import { byCodePoint } from '../../domain/text-order.ts'
import {
  type DayWindow,
  type DownloadDay,
  type DownloadNumbers,
  type DownloadStore,
  summedDays,
} from '../../state/download-store.ts'
import type { LazyState } from '../../state/lazy-state.ts'
import type { State } from '../../state/open-state.ts'
import { reasonOf } from '../../state/reason.ts'
import { DownloadNames } from './download-names.ts'
import { PartialMemory } from './partial-memory.ts'
import { type Sent, sortSent, type WaitingPart } from './sent.ts'
import { UnsettledAnswers } from './unsettled-answers.ts'

/** How downloads are counted. */
export interface CountOptions {
  readonly state: LazyState
  /** False to count nothing; what was counted before is shown all the same. */
  readonly enabled: boolean
  /** Told once when numbers cannot be written, and again only after it worked in between. */
  readonly onError: (error: unknown) => void
  /** See {@link UnsettledAnswers}. */
  readonly settleMs?: number
}

// How long numbers wait to be written, and how old those of other servers may be.
const FLUSH_MS = 1000
const REFRESH_MS = 5000
// A state that cannot be used is not tried on every tick.
const RETRY_MS = 5000
const SWEEP_MS = 60_000
// More waiting parts than this are merged in memory at once.
const MOST_PARTS = 20_000
const MOST_ROWS = 1000

/** Gathers what was sent, and knows the sums. */
export class DownloadCounts {
  /** Answers that may still be thrown away; they are noted afterwards. */
  readonly unsettled: UnsettledAnswers
  readonly #options: CountOptions
  readonly #timer: NodeJS.Timeout
  readonly #names = new DownloadNames()
  readonly #memory = new PartialMemory()
  #days: DownloadDay[] = []
  #parts: WaitingPart[] = []
  /** Days that are being written at this moment. */
  #writing: readonly DownloadDay[] = []
  /** Downloads of both, by archive. */
  #unwrittenDownloads = new Map<string, number>()
  #totals: ReadonlyMap<string, DownloadNumbers> | undefined
  #running: Promise<void> = Promise.resolve()
  #refreshedAt = 0
  #sweptAt = Date.now()
  #retryAt = 0
  #failing = false
  #closed = false

  constructor(options: CountOptions) {
    this.#options = options
    this.unsettled = new UnsettledAnswers(options.settleMs)
    this.#timer = setInterval(() => void this.#tick(), FLUSH_MS)
    this.#timer.unref()
    void this.refresh()
  }

  /** Notes an answer that has ended. */
  note(sent: Sent): void {
    if (!this.#options.enabled) return
    const { day, part } = sortSent(sent)
    this.#addDay(day)
    if (part !== undefined) this.#parts.push(part)
    if (this.#parts.length > MOST_PARTS) this.#remember(this.#parts.splice(0))
  }

  /** How often an archive was downloaded; null when nobody has counted. Never asks the state. */
  downloadsOf(archive: string): number | null {
    if (this.#totals === undefined && !this.#options.enabled) return null
    const known = this.#totals?.get(archive)?.downloads ?? 0
    return known + (this.#unwrittenDownloads.get(archive) ?? 0)
  }

  /**
   * Sums over some days, by archive, with what is not written yet.
   *
   * @throws StateUnavailable
   */
  async sums(window: DayWindow): Promise<Map<string, DownloadNumbers>> {
    await this.flush()
    const sums = new Map(await this.#asked(store => store.sums(window)))
    for (const { archive, downloads, bytes } of this.#unwritten(window)) {
      const sum = sums.get(archive) ?? { downloads: 0, bytes: 0 }
      sums.set(archive, { downloads: sum.downloads + downloads, bytes: sum.bytes + bytes })
    }
    return sums
  }

  /**
   * Days of some archives, in the order of time, with what is not written yet.
   *
   * @throws StateUnavailable
   */
  async days(archives: readonly string[], window: DayWindow): Promise<DownloadDay[]> {
    const written = (await this.#asked(store => store.days(archives, window))) ?? []
    const asked = new Set(archives)
    const unwritten = this.#unwritten(window).filter(({ archive }) => asked.has(archive))
    return summedDays([...written, ...unwritten]).sort((a, b) => byCodePoint(a.day, b.day))
  }

  /** Writes what has gathered. */
  flush(): Promise<void> {
    this.#running = this.#running.then(() => this.#write())
    return this.#running
  }

  /** Reads the sums of all servers that share the state. */
  refresh(): Promise<void> {
    // The state must not be opened again behind the back of whoever has closed it.
    if (this.#closed) return this.#running
    this.#running = this.#running.then(() => this.#read())
    return this.#running
  }

  /** Writes everything and stops. */
  async close(): Promise<void> {
    clearInterval(this.#timer)
    this.#closed = true
    this.unsettled.settleAll()
    this.#retryAt = 0
    await this.flush()
  }

  async #tick(): Promise<void> {
    await this.flush()
    if (Date.now() - this.#refreshedAt >= REFRESH_MS) await this.refresh()
  }

  /** Asks the state, if there is one; a database that went away since it was opened is told as one that cannot be opened. */
  async #asked<T>(ask: (store: DownloadStore) => Promise<T>): Promise<T | undefined> {
    const { state } = this.#options
    const present = await state.present()
    try {
      return present && (await ask(present.downloads))
    } catch (error) {
      throw new StateUnavailable(present?.path ?? state.path, reasonOf(error), error)
    }
  }

  async #read(): Promise<void> {
    this.#refreshedAt = Date.now()
    await this.#trying(async () => {
      const state = await this.#options.state.present()
      if (state !== undefined) this.#totals = await state.downloads.totals()
    })
  }

  async #write(): Promise<void> {
    if (this.#days.length === 0 && this.#parts.length === 0) return
    const days = summedDays(this.#days)
    const waiting = this.#parts
    this.#days = []
    this.#parts = []
    this.#writing = days
    const written = await this.#trying(async () => {
      const state = await this.#reach()
      const parts = waiting.map(part => this.#named(part))
      await state.downloads.add({ days, parts: [...this.#memory.parts(), ...parts] })
      this.#memory.clear()
      // Taken over together, so that no answer shows the numbers twice or not at all.
      this.#totals = await state.downloads.totals().catch(() => this.#totals)
      if (Date.now() - this.#sweptAt > SWEEP_MS) {
        this.#sweptAt = Date.now()
        await state.downloads.sweep().catch(() => {})
      }
    })
    this.#writing = []
    this.#unwrittenDownloads.clear()
    for (const day of this.#days.splice(0)) this.#addDay(day)
    if (written) return
    for (const day of days) this.#addDay(day)
    this.#remember(waiting)
  }

  /** The state, made when there is none, with the key that all who share it use. */
  async #reach(): Promise<State> {
    const state = (await this.#options.state.present()) ?? (await this.#options.state.open())
    await this.#names.shareKey(state)
    return state
  }

  /** True when it worked; what fails is told once. */
  async #trying(work: () => Promise<void>): Promise<boolean> {
    if (Date.now() < this.#retryAt) return false
    try {
      await work()
      this.#failing = false
      return true
    } catch (error) {
      this.#retryAt = Date.now() + RETRY_MS
      if (!this.#failing) this.#options.onError(error)
      this.#failing = true
      return false
    }
  }

  #addDay(day: DownloadDay): void {
    const { archive, downloads } = day
    const last = this.#days.at(-1)
    // Many ask for the same at once.
    if (last?.archive === archive && last.day === day.day) {
      const bytes = last.bytes + day.bytes
      this.#days[this.#days.length - 1] = { ...last, downloads: last.downloads + downloads, bytes }
    } else {
      this.#days.push(day)
      // A reader of ranges sends thousands of answers: their sum is one row.
      if (this.#days.length % MOST_ROWS === 0) this.#days = summedDays(this.#days)
    }
    this.#unwrittenDownloads.set(archive, (this.#unwrittenDownloads.get(archive) ?? 0) + downloads)
  }

  /** Applies the rules in memory to what cannot be written now. */
  #remember(waiting: readonly WaitingPart[]): void {
    const parts = waiting.map(part => this.#named(part))
    for (const day of this.#memory.merge(parts)) this.#addDay(day)
  }

  #named({ asker, ...part }: WaitingPart): DownloadPart {
    return { ...part, clients: this.#names.of(asker, part.day) }
  }

  #unwritten({ since = '', until = '9999-12-31' }: DayWindow): DownloadDay[] {
    return [...this.#writing, ...this.#days].filter(({ day }) => since <= day && day <= until)
  }
}
