/** A worker: a whole server that shares its socket, its budgets and its hashing with others, and does what the primary process says. */
import { setTimeout as wait } from 'node:timers/promises'
import { type Logger, pino } from 'pino'
import type { CheckProgress } from '../archive/check-progress.ts'
import type { ConfigReader } from '../archive/config-reader.ts'
import type { Depot, Generation } from '../archive/depot.ts'
import type { SettingValues } from '../config/settings.ts'
import type { HealthSource } from '../http/access/visible-health.ts'
import { shareSendingAmong } from '../storage/sending-share.ts'
import { type BuiltServer, builtServer, listen, type SharedParts } from './built-server.ts'
import { openForAudit, settle, tell, tellOfChange, whenChanged, whenStale } from './serve-fresh.ts'
import { limitsOf } from './serve-limits.ts'
import { withReader } from './serve-settings.ts'
import { GRACE_MS, stopped } from './stopped.ts'
import { packageVersion } from './version.ts'
import { leastOf } from './worker-health.ts'
import { type LinePort, type QuestionOf, WorkerLine } from './worker-line.ts'
import type { Loaded, PrimaryNews, StartOrder, WorkerQuestions } from './worker-messages.ts'
import { type PrimaryLine, SharedBudget, SharedGate, SharedHashing } from './worker-shares.ts'

const PROGRESS_MS = 200
// So long a worker whose place was taken keeps connections that have nothing to do: their clients learn with their next answer that they end.
const LINGER_MS = 2000

/** See the head of this file. */
export class ServingWorker {
  readonly #line: PrimaryLine
  readonly #stopAsked: Promise<void>
  #askStop!: () => void
  #values: SettingValues | undefined
  #reader: ConfigReader | undefined
  #logger: Logger = pino({ level: 'silent' })
  #server: BuiltServer | undefined
  #prepared: Generation | undefined
  #leads = false
  #reloadFailed = false
  #retiring = false
  #closing: Promise<void> | undefined
  /** How far all workers are, as far as it is known here. */
  #shared: CheckProgress = { state: 'waiting', checked: 0, total: 0 }
  #toldProgress = ''
  readonly #stops: (() => void)[] = []

  /** @param port - leads to the primary process */
  constructor(port: LinePort) {
    this.#line = new WorkerLine(port, {
      answer: question => this.#answer(question),
      hear: news => this.#hear(news),
    })
    this.#stopAsked = new Promise(done => {
      this.#askStop = done
    })
  }

  /** Says that it is there. */
  begin(): void {
    this.#line.tell({ kind: 'hello' })
  }

  #answer(question: QuestionOf<WorkerQuestions>): Promise<Loaded | undefined> {
    if (question.kind === 'start') return this.#start(question)
    if (question.kind === 'listen') return this.#listen(question.isFirst)
    return this.#prepare()
  }

  #hear(news: PrimaryNews): void {
    if (news.kind === 'commit') this.#commit()
    else if (news.kind === 'abort') {
      this.#prepared = undefined
      this.#reloadFailed = true
    } else if (news.kind === 'lead') this.#lead(true)
    else if (news.kind === 'check') this.#check()
    else if (news.kind === 'health') this.#shared = news.progress
    else if (news.kind === 'retire') void this.#retire()
    else this.#askStop()
  }

  async #start({ worker, size, version, settings, passingKey }: StartOrder): Promise<Loaded> {
    const { values } = settings
    this.#values = values
    this.#logger = pino({ level: values['log-level'] }).child({ worker })
    void stopped(this.#logger, GRACE_MS, () => this.#close(), this.#stopAsked)
    if (version !== packageVersion()) {
      throw new Error(`refdepot is ${packageVersion()} on disk by now; restart the server`)
    }
    shareSendingAmong(size)
    const own = withReader(settings)
    this.#reader = own.reader
    const server = await builtServer(own, this.#logger, this.#parts(values, passingKey))
    this.#server = server
    return loadedBy(server.depot)
  }

  #parts(values: SettingValues, passingKey: string): SharedParts {
    const line = this.#line
    return {
      hashing: new SharedHashing(line),
      access: {
        budget: new SharedBudget(line, limitsOf(values)),
        gate: new SharedGate(line),
        passingKey: Buffer.from(passingKey, 'base64'),
      },
      health: depot => this.#health(depot),
      reload: () => line.ask({ kind: 'reload' }),
      beforeStop: async () => {
        if (this.#retiring) await Promise.race([wait(LINGER_MS), this.#stopAsked])
      },
    }
  }

  /** A check is done when all workers have done it; and no worker says that a reload worked that failed in another. */
  #health(depot: Depot): HealthSource {
    const worker = this
    return {
      get damages() {
        return depot.damages
      },
      get progress() {
        return leastOf([depot.progress, worker.#shared])
      },
      get reloadError() {
        return worker.#reloadFailed ? new Error('a worker cannot read the config') : undefined
      },
    }
  }

  async #listen(isFirst: boolean): Promise<undefined> {
    const { app, depot } = this.#running()
    const logger = this.#logger
    const { level } = logger
    // The address is told once for all.
    if (!isFirst) logger.level = 'silent'
    try {
      await listen(app, this.#values as SettingValues)
    } finally {
      logger.level = level
    }
    if (isFirst) tell(logger, depot.current)
    this.#stops.push(whenStale(depot, () => this.#line.tell({ kind: 'stale' })))
    const timer = setInterval(() => this.#tellProgress(), PROGRESS_MS)
    timer.unref()
    this.#stops.push(() => clearInterval(timer))
    if (isFirst) this.#lead(false)
    this.#check()
  }

  async #prepare(): Promise<Loaded> {
    const { depot } = this.#running()
    this.#prepared = await depot.prepare()
    return loadedBy(depot)
  }

  #commit(): void {
    const { depot, access } = this.#running()
    const generation = this.#prepared
    this.#prepared = undefined
    this.#reloadFailed = false
    if (generation === undefined) return
    const before = depot.current
    depot.adopt(generation)
    if (this.#leads) tellOfChange(this.#logger, before, generation)
    const fresh = { depot, access, logger: this.#logger }
    void openForAudit(fresh, generation).then(() => this.#check())
  }

  /** Watches the config and speaks for all from now on; what was damaged is told again when the one before is gone. */
  #lead(again: boolean): void {
    const { depot, uploads } = this.#running()
    this.#leads = true
    const seconds = Number((this.#values as SettingValues)['watch-interval'])
    this.#stops.push(whenChanged(depot, seconds, () => this.#line.tell({ kind: 'changed' })))
    uploads?.keepSwept()
    if (again) this.#check()
  }

  #check(): void {
    const { depot } = this.#running()
    // One voice is enough, and one snapshot.
    const own = this.#leads
      ? { logger: this.#logger, reader: this.#reader }
      : { logger: pino({ level: 'silent' }) }
    void settle({ depot, ...own }).then(() => this.#tellProgress())
    this.#tellProgress()
  }

  #tellProgress(): void {
    const { progress } = this.#running().depot
    const text = JSON.stringify(progress)
    if (text === this.#toldProgress) return
    this.#toldProgress = text
    this.#line.tell({ kind: 'progress', progress })
  }

  /** Another worker has taken its place: answers that run go on to their end, however long they take. */
  async #retire(): Promise<void> {
    this.#retiring = true
    this.#leads = false
    this.#logger.info('another worker takes over; this one ends after its last answer')
    await this.#close()
    process.exit(0)
  }

  #close(): Promise<void> {
    for (const stop of this.#stops.splice(0)) stop()
    this.#closing ??= this.#server?.close() ?? Promise.resolve()
    return this.#closing
  }

  #running(): BuiltServer {
    if (this.#server === undefined) throw new Error('this worker was not started yet')
    return this.#server
  }
}

/** The state of what a depot was read from; a store that cannot be asked now was asked a moment ago. */
async function loadedBy(depot: Depot): Promise<Loaded> {
  const state = await depot.sourceState().catch(() => undefined)
  return { state: state?.text ?? '' }
}
