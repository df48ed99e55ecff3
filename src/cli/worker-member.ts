/** One worker process, as the primary process knows it. */
import type { Worker } from 'node:cluster'
import type { CheckProgress } from '../archive/check-progress.ts'
import { WorkerLine } from './worker-line.ts'
import type { PrimaryNews, WorkerNews, WorkerQuestions } from './worker-messages.ts'

/** How a process has ended. */
export interface WorkerEnd {
  readonly code: number | null
  readonly signal: string | null
}

/** What is done with what a worker says. */
export interface MemberHandlers {
  answer(member: Member, question: never): unknown
  hear(member: Member, news: WorkerNews): void
}

/** See the head of this file. */
export class Member {
  readonly number: number
  readonly line: WorkerLine<WorkerQuestions, PrimaryNews>
  readonly bornAt = Date.now()
  /** Fulfilled when it can be spoken to; rejected when it has ended before. */
  readonly ready: Promise<void>
  /** Fulfilled when it has ended. */
  readonly ended: Promise<WorkerEnd>
  phase: 'starting' | 'listening' | 'retiring' = 'starting'
  progress: CheckProgress = { state: 'waiting', checked: 0, total: 0 }
  readonly #worker: Worker

  constructor(worker: Worker, { answer, hear }: MemberHandlers) {
    this.#worker = worker
    this.number = worker.id
    let ready!: () => void
    this.line = new WorkerLine(worker, {
      answer: question => answer(this, question),
      hear: (news: WorkerNews) => (news.kind === 'hello' ? ready() : hear(this, news)),
    })
    this.ended = endOf(worker)
    this.ready = new Promise((done, failed) => {
      ready = done
      void this.ended.then(end => failed(endError(end)))
    })
    this.ready.catch(() => {})
    void this.ended.then(end => this.line.close(endError(end)))
  }

  /** Ends it as a power cut would. */
  kill(): void {
    this.#worker.process.kill('SIGKILL')
  }
}

function endOf(worker: Worker): Promise<WorkerEnd> {
  return new Promise(done => {
    worker.once('exit', (code, signal) => done({ code, signal }))
    worker.on('error', () => {
      // A process that could not be made has no end that would be told.
      if (worker.process.pid === undefined) done({ code: 1, signal: null })
    })
  })
}

function endError({ code, signal }: WorkerEnd): Error {
  return new Error(`a worker ended while it was needed (${signal ?? `exit code ${code}`})`)
}
