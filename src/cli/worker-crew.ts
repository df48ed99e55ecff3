/**
 * Keeps the workers of a server alive, and makes them do together what must be done together.
 *
 * Workers share the listening socket of the primary process. They read the config each for itself, but serve what they have read when all of
 * them have: a reload is prepared by all, then counts in all, or in none. Steps that change who serves what come one after the other.
 */
import cluster from 'node:cluster'
import { randomBytes } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import type { Logger } from 'pino'
import type { PlainSettings } from './serve-settings.ts'
import { GRACE_MS } from './stopped.ts'
import { packageVersion } from './version.ts'
import type { DeskNews, DeskQuestion, WorkerDesk } from './worker-desk.ts'
import { leastOf } from './worker-health.ts'
import { Member, type WorkerEnd } from './worker-member.ts'
import { workerEnvironment } from './worker-memory.ts'
import type { PrimaryNews, StartOrder, WorkerNews } from './worker-messages.ts'
import { preparedByAll } from './worker-rounds.ts'

/** What a crew is made of. */
export interface CrewParts {
  readonly settings: PlainSettings
  readonly size: number
  readonly logger: Logger
  readonly desk: WorkerDesk
}

const KEY_BYTES = 32
// A worker that lived longer than this ended by accident, and the next one comes at once.
const SETTLED_MS = 10_000
const FIRST_PAUSE_MS = 250
const LONGEST_PAUSE_MS = 30_000
// After the grace that workers give their answers.
const KILL_AFTER_MS = GRACE_MS + 1500

/** See the head of this file. */
export class WorkerCrew {
  readonly #parts: CrewParts
  readonly #order: Omit<StartOrder, 'worker'>
  readonly #members = new Set<Member>()
  #leader: Member | undefined
  /** What is served was read from files in this state. */
  #state = ''
  #turn: Promise<unknown> = Promise.resolve()
  #rolled: Promise<void> = Promise.resolve()
  #nextRoll: Promise<void> | undefined
  #failures = 0
  #stopping = false
  #told = ''
  #fail!: (error: Error) => void
  /** Rejected when no worker is left and none can be started. */
  readonly failure: Promise<never>

  constructor(parts: CrewParts) {
    this.#parts = parts
    this.#order = {
      kind: 'start',
      size: parts.size,
      version: packageVersion(),
      settings: parts.settings,
      passingKey: randomBytes(KEY_BYTES).toString('base64'),
    }
    this.failure = new Promise((_, failed) => {
      this.#fail = failed
    })
    this.failure.catch(() => {})
  }

  /** Starts all workers: one, to learn whether it can be done, then the others. Throws what stopped the first one that failed. */
  async start(): Promise<void> {
    try {
      await this.#bringUp(true)
      const others = Array.from({ length: this.#parts.size - 1 }, () => this.#bringUp(false))
      await Promise.all(others)
    } catch (error) {
      await this.stop()
      throw error
    }
  }

  /** Has all workers read the config again. Throws when one of them could not: then all serve what they did. */
  reload(): Promise<void> {
    return this.#inTurn(() => this.#reload(this.#listening))
  }

  /**
   * Replaces the workers one by one: the next one listens before the one before it goes. Nothing happens while the config is broken.
   * Two at a time would each start a worker for one that only one of them can retire; who asks while one waits gets that one.
   */
  roll(): Promise<void> {
    this.#nextRoll ??= this.#rolled.then(() => this.#roll())
    this.#rolled = this.#nextRoll
    return this.#nextRoll
  }

  async #roll(): Promise<void> {
    const { logger } = this.#parts
    this.#nextRoll = undefined
    try {
      await this.reload()
      for (const old of this.#listening) {
        // It has ended meanwhile: another one has taken its place already.
        if (!this.#members.has(old)) continue
        await this.#bringUp(false)
        this.#retire(old)
      }
      logger.info('all workers were replaced')
    } catch (error) {
      if (!this.#stopping)
        logger.error({ err: error }, 'workers cannot be replaced; the old ones stay')
    }
  }

  /** Tells all workers to stop, and waits for their ends; answers those of workers that have answered requests. */
  async stop(): Promise<readonly WorkerEnd[]> {
    this.#stopping = true
    const members = [...this.#members]
    const served = members.filter(({ phase }) => phase !== 'starting')
    for (const { line } of members) line.tell({ kind: 'stop' })
    const timer = setTimeout(() => {
      for (const member of members) member.kill()
    }, KILL_AFTER_MS)
    await Promise.all(members.map(({ ended }) => ended))
    clearTimeout(timer)
    return Promise.all(served.map(({ ended }) => ended))
  }

  get #listening(): Member[] {
    return [...this.#members].filter(({ phase }) => phase === 'listening')
  }

  /** Starts a worker and lets it listen. */
  async #bringUp(isFirst: boolean): Promise<Member> {
    this.#demandRunning()
    const member = this.#fork()
    try {
      await member.ready
      this.#demandRunning()
      const { state } = await member.line.ask({ ...this.#order, worker: member.number })
      await this.#inTurn(() => this.#admit(member, state, isFirst))
      return member
    } catch (error) {
      member.kill()
      throw error
    }
  }

  /** Nobody would wait for a worker that is started now. */
  #demandRunning(): void {
    if (this.#stopping) throw new Error('the server is stopping')
  }

  #fork(): Member {
    const member = new Member(cluster.fork(workerEnvironment()), {
      answer: (from, question) => this.#answer(from, question),
      hear: (from, news) => this.#hear(from, news),
    })
    this.#members.add(member)
    void member.ended.then(end => this.#left(member, end))
    return member
  }

  /** Nobody may join with another catalogue than the others have. */
  async #admit(member: Member, state: string, isFirst: boolean): Promise<void> {
    const others = this.#listening
    if (others.length > 0 && state !== this.#state) await this.#reload([...others, member])
    else this.#state = state
    await member.line.ask({ kind: 'listen', isFirst })
    member.phase = 'listening'
    if (isFirst) this.#leader = member
    else this.#chooseLeader()
    this.#told = ''
    this.#tellHealth()
  }

  async #reload(members: readonly Member[]): Promise<void> {
    try {
      this.#state = await preparedByAll(members)
    } catch (error) {
      tellAll(members, { kind: 'abort' })
      this.#parts.logger.error(
        { err: error },
        'the changed config is broken; the old catalogue stays',
      )
      throw error
    }
    tellAll(members, { kind: 'commit' })
  }

  #retire(member: Member): void {
    if (member.phase !== 'listening' || !this.#members.has(member)) return
    member.phase = 'retiring'
    if (this.#leader === member) this.#leader = undefined
    this.#chooseLeader()
    member.line.tell({ kind: 'retire' })
  }

  #chooseLeader(): void {
    if (this.#leader !== undefined || this.#stopping) return
    this.#leader = this.#listening.at(-1)
    this.#leader?.line.tell({ kind: 'lead' })
  }

  #left(member: Member, { code, signal }: WorkerEnd): void {
    this.#members.delete(member)
    this.#parts.desk.forget(member.number)
    if (this.#leader === member) this.#leader = undefined
    this.#chooseLeader()
    if (this.#stopping || member.phase !== 'listening') return
    const about = { worker: member.number, code, signal }
    this.#parts.logger.error(about, 'a worker has ended; another one takes its place')
    this.#failures = Date.now() - member.bornAt > SETTLED_MS ? 0 : this.#failures + 1
    void this.#replace()
  }

  /** Tries to start a worker until there is one; who ends soon after its start is not followed at once. */
  async #replace(): Promise<void> {
    while (!this.#stopping) {
      await wait(pauseAfter(this.#failures), undefined, { ref: this.#listening.length === 0 })
      if (this.#stopping) return
      try {
        await this.#bringUp(false)
        return
      } catch (error) {
        if (this.#stopping) return
        this.#failures += 1
        this.#parts.logger.error({ err: error }, 'a worker cannot be started; it is tried again')
        if (this.#listening.length === 0) {
          this.#stopping = true
          this.#fail(error as Error)
        }
      }
    }
  }

  async #answer(member: Member, question: DeskQuestion | { kind: 'reload' }): Promise<unknown> {
    if (question.kind === 'reload') return this.reload()
    return this.#parts.desk.answer(member.number, question)
  }

  #hear(member: Member, news: WorkerNews): void {
    if (news.kind === 'progress') {
      member.progress = news.progress
      this.#tellHealth()
    } else if (news.kind === 'stale') tellAll(this.#listening, { kind: 'check' })
    // Told in the log already.
    else if (news.kind === 'changed') void this.reload().catch(() => {})
    else this.#parts.desk.hear(member.number, news as DeskNews)
  }

  #tellHealth(): void {
    const progress = leastOf(this.#listening.map(member => member.progress))
    const text = JSON.stringify(progress)
    if (text === this.#told) return
    this.#told = text
    tellAll(this.#listening, { kind: 'health', progress })
  }

  #inTurn<T>(step: () => Promise<T>): Promise<T> {
    const next = this.#turn.then(step)
    this.#turn = next.catch(() => {})
    return next
  }
}

function tellAll(members: readonly Member[], news: PrimaryNews): void {
  for (const { line } of members) line.tell(news)
}

/** Milliseconds to wait after so many workers that did not live long. */
function pauseAfter(failures: number): number {
  return failures === 0 ? 0 : Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (failures - 1))
}
