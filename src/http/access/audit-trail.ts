/**
 * What goes into the audit, gathered for a moment before it is written.
 *
 * A reader of ranges touches one file a thousand times: the first time is written at once, repetitions within a few minutes as one row with
 * their number. Writing waits for the next tick of a timer, so that it cannot be told from the time of an answer whether anything was
 * written.
 */
import type { AuditEvent } from '../../state/audit-store.ts'
import type { LazyState } from '../../state/lazy-state.ts'

// How long rows wait to be written, and how long the same thing counts as a repetition.
const FLUSH_MS = 1000
const REPEAT_MS = 5 * 60_000
// Beyond this the oldest repetitions are written out early.
const MOST_REPEATED = 10_000
const MOST_QUESTIONS = 1000

/** How the trail is kept. */
export interface TrailOptions {
  readonly state: LazyState
  /** True to keep addresses of clients. */
  readonly addresses: boolean
  /** Told when rows cannot be written; they are tried again. */
  readonly onError: (error: unknown) => void
  readonly flushMs?: number
  readonly repeatMs?: number
}

interface Question {
  readonly find: () => AuditEvent | undefined
  readonly at: number
  times: number
}

interface Repeated {
  readonly event: AuditEvent
  readonly since: number
  times: number
  at: number
}

/** Gathers events and last uses of tokens. */
export class AuditTrail {
  readonly #options: TrailOptions
  readonly #repeated = new Map<string, Repeated>()
  readonly #questions = new Map<string, Question>()
  readonly #timer: NodeJS.Timeout
  #waiting: AuditEvent[] = []
  #uses = new Map<string, number>()
  #writing: Promise<void> = Promise.resolve()

  constructor(options: TrailOptions) {
    this.#options = options
    this.#timer = setInterval(() => void this.flush(), options.flushMs ?? FLUSH_MS)
    this.#timer.unref()
  }

  /** Notes something that happened, now unless it says when; `times` in a row. */
  note(happened: AuditEvent, times = 1): void {
    const { address, ...rest } = happened
    const at = happened.at ?? Date.now()
    const event: AuditEvent = {
      ...rest,
      at,
      ...(this.#options.addresses && address !== undefined && { address }),
    }
    const key = [event.actor, event.action, event.subject, event.address].join('\n')
    const seen = this.#repeated.get(key)
    if (seen !== undefined) {
      seen.times += times
      seen.at = at
      return
    }
    this.#repeated.set(key, { event, since: at, times: times - 1, at })
    this.#waiting.push(event)
  }

  /**
   * Finds out later whether something is worth a row: with the next writing, so that the work does not follow the answer it is about.
   *
   * @param key - equal questions are asked once
   */
  later(key: string, find: () => AuditEvent | undefined): void {
    const asked = this.#questions.get(key)
    if (asked !== undefined) asked.times += 1
    else this.#questions.set(key, { find, at: Date.now(), times: 1 })
    if (this.#questions.size > MOST_QUESTIONS) void this.flush()
  }

  /** Notes that a token was used now. */
  used(token: string): void {
    this.#uses.set(token, Date.now())
  }

  /** Writes what has gathered. */
  flush(all = false): Promise<void> {
    this.#answerQuestions()
    this.#collectRepeated(all)
    const [events, uses] = [this.#waiting, this.#uses]
    if (events.length === 0 && uses.size === 0) return this.#writing
    this.#waiting = []
    this.#uses = new Map()
    this.#writing = this.#writing.then(() => this.#write(events, uses))
    return this.#writing
  }

  /** Writes everything and stops. */
  async close(): Promise<void> {
    clearInterval(this.#timer)
    await this.flush(true)
  }

  #answerQuestions(): void {
    const questions = [...this.#questions.values()]
    this.#questions.clear()
    for (const { find, at, times } of questions) {
      const event = find()
      if (event !== undefined) this.note({ ...event, at }, times)
    }
  }

  #collectRepeated(all: boolean): void {
    const now = Date.now()
    const { repeatMs = REPEAT_MS } = this.#options
    for (const [key, { event, since, times, at }] of this.#repeated) {
      if (!all && now - since < repeatMs && this.#repeated.size <= MOST_REPEATED) continue
      this.#repeated.delete(key)
      if (times > 0) this.#waiting.push({ ...event, at, times })
    }
  }

  async #write(events: AuditEvent[], uses: Map<string, number>): Promise<void> {
    try {
      const state = await this.#options.state.present()
      // A server without a state has no tokens and nothing controlled: it keeps no audit either.
      if (state === undefined) return
      await state.tokens.touch(uses)
      await state.audit.append(events)
    } catch (error) {
      this.#options.onError(error)
      this.#waiting = [...events, ...this.#waiting].slice(-MOST_REPEATED)
    }
  }
}
