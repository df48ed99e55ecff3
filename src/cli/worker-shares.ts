/** What a worker has done by the primary process, for all workers together. */
import { createHash } from 'node:crypto'
import type { FileDigests } from '../archive/file-digests.ts'
import type { Hashing, ViewToHash } from '../archive/hashing.ts'
import type { ViewDigests } from '../archive/member-index.ts'
import { TooMany } from '../domain/access-errors.ts'
import { StorageFailed } from '../domain/errors.ts'
import type { CredentialFound, GuessGate } from '../http/access/credential-gate.ts'
import {
  isUnlimited,
  type LimitSettings,
  type Transfer,
  type TransferBudget,
} from '../http/access/transfer-limits.ts'
import type { WorkerLine } from './worker-line.ts'
import type { Admission, PrimaryQuestions, WorkerNews } from './worker-messages.ts'

/** The line to the primary process. */
export type PrimaryLine = WorkerLine<PrimaryQuestions, WorkerNews>

/** Digests, computed once for all workers. */
export class SharedHashing implements Hashing {
  readonly #line: PrimaryLine

  constructor(line: PrimaryLine) {
    this.#line = line
  }

  async digests(path: string): Promise<FileDigests> {
    const answer = await this.#line.ask({ kind: 'digests', path })
    if ('unreadable' in answer) throw new StorageFailed(path, answer.unreadable)
    return answer
  }

  viewDigests({ archive, index, naming }: ViewToHash): Promise<ViewDigests> {
    // Only what is needed of an index crosses the line.
    const { entries, genome } = index
    return this.#line.ask({ kind: 'view', view: { archive, index: { entries, genome }, naming } })
  }

  /** The threads are not ours. */
  async stop(): Promise<void> {}
}

/** Budgets of bytes and of transfers at a time, over all workers. */
export class SharedBudget implements TransferBudget {
  readonly isUnlimited: boolean
  readonly #line: PrimaryLine
  #next = 0

  /** @param settings - what the primary process limits */
  constructor(line: PrimaryLine, settings: LimitSettings) {
    this.#line = line
    this.isUnlimited = isUnlimited(settings)
  }

  async begin(address: string, token: string | undefined, bytes: number): Promise<Transfer> {
    const transfer = this.#next++
    const who = { address, ...(token !== undefined && { token }) }
    demand(await this.#line.ask({ kind: 'begin', transfer, bytes, ...who }))
    return { end: sent => this.#line.tell({ kind: 'end', transfer, sent }) }
  }
}

// As long, and as many, as the gate itself remembers.
const REMEMBERED_MS = 10 * 60_000
const MOST_REMEMBERED = 10_000

/** The slow-down of guesses over all workers. What was accepted is not asked about again: it passes in any case. */
export class SharedGate implements GuessGate {
  readonly #line: PrimaryLine
  readonly #accepted = new Map<string, number>()

  constructor(line: PrimaryLine) {
    this.#line = line
  }

  async admit(address: string, credential: string): Promise<void> {
    const print = printOf(credential)
    if (address === '' || this.#isAccepted(`${address} ${print}`)) return
    demand(await this.#line.ask({ kind: 'admit', address, print }))
  }

  note(address: string, credential: string, found: CredentialFound): void {
    const print = printOf(credential)
    const key = `${address} ${print}`
    if (address === '' || this.#isAccepted(key)) return
    this.#line.tell({ kind: 'note', address, print, found })
    if (found !== 'accepted') return
    this.#accepted.set(key, Date.now() + REMEMBERED_MS)
    const [oldest] = this.#accepted.keys()
    if (this.#accepted.size > MOST_REMEMBERED && oldest !== undefined) this.#accepted.delete(oldest)
  }

  #isAccepted(key: string): boolean {
    const until = this.#accepted.get(key)
    if (until !== undefined && until < Date.now()) this.#accepted.delete(key)
    return until !== undefined && until >= Date.now()
  }
}

/** Secrets stay in the process that they were sent to. */
function printOf(credential: string): string {
  return createHash('sha256').update(credential).digest('base64url')
}

function demand(admission: Admission): void {
  if (admission !== null) throw new TooMany(admission.refused, admission.retryAfter)
}
