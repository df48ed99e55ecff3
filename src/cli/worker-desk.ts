/** What the primary process does for all workers of a server: budgets, the slow-down of guesses, digests. */

import { setTimeout as wait } from 'node:timers/promises'
import { stateOfFiles } from '../archive/config-watch.ts'
import type { FileDigests } from '../archive/file-digests.ts'
import { type Hashing, HashingThreads, type ViewToHash } from '../archive/hashing.ts'
import type { ViewDigests } from '../archive/member-index.ts'
import type { SettingValues } from '../config/settings.ts'
import { TooMany } from '../domain/access-errors.ts'
import { StorageFailed } from '../domain/errors.ts'
import { CredentialGate } from '../http/access/credential-gate.ts'
import { type Transfer, TransferLimits } from '../http/access/transfer-limits.ts'
import { limitsOf } from './serve-limits.ts'
import type { Admission, PrimaryQuestions, WorkerNews } from './worker-messages.ts'

/** A question that the desk answers. */
export type DeskQuestion = PrimaryQuestions[Exclude<keyof PrimaryQuestions, 'reload'>]['question']

/** News that the desk hears. */
export type DeskNews = Extract<WorkerNews, { readonly kind: 'end' | 'note' }>

interface Running {
  readonly transfer: Transfer
  readonly bytes: number
}

interface Known<T> {
  /** State of the file that it was computed of. */
  readonly state: string
  readonly value: Promise<T>
}

// The end of a transfer in one worker may be on its way here when a client asks another worker for the next.
const SECOND_LOOK_MS = 100

/** See the head of this file. */
export class WorkerDesk {
  readonly #limits: TransferLimits
  readonly #gate = new CredentialGate()
  readonly #hashing: Hashing = new HashingThreads()
  readonly #files = new Map<string, Known<FileDigests>>()
  readonly #views = new Map<string, Known<ViewDigests>>()
  readonly #running = new Map<number, Map<number, Running>>()

  /** @throws SettingInvalid */
  constructor(values: SettingValues) {
    this.#limits = new TransferLimits(limitsOf(values))
  }

  /** Answers a question of a worker. */
  answer(worker: number, question: DeskQuestion): Promise<unknown> {
    switch (question.kind) {
      case 'digests':
        return this.#digests(question.path)
      case 'view':
        return this.#viewDigests(question.view)
      case 'begin':
        return this.#begin(worker, question)
      case 'admit':
        return admission(() => this.#gate.admit(question.address, question.print))
    }
  }

  /** Hears news of a worker. */
  hear(worker: number, news: DeskNews): void {
    if (news.kind === 'note') this.#gate.note(news.address, news.print, news.found)
    else this.#end(worker, news.transfer, news.sent)
  }

  /** A worker has ended: its transfers have too. What it has sent of them is not known, so all of it counts. */
  forget(worker: number): void {
    for (const { transfer, bytes } of this.#running.get(worker)?.values() ?? []) transfer.end(bytes)
    this.#running.delete(worker)
  }

  /** Stops the threads. */
  close(): Promise<void> {
    return this.#hashing.stop()
  }

  async #begin(
    worker: number,
    { transfer, address, token, bytes }: PrimaryQuestions['begin']['question'],
  ): Promise<Admission> {
    const begin = () => {
      const running = this.#running.get(worker) ?? new Map<number, Running>()
      running.set(transfer, { transfer: this.#limits.begin(address, token, bytes), bytes })
      this.#running.set(worker, running)
    }
    if ((await admission(begin)) === null) return null
    await wait(SECOND_LOOK_MS)
    return admission(begin)
  }

  #end(worker: number, number: number, sent: number): void {
    const running = this.#running.get(worker)
    running?.get(number)?.transfer.end(sent)
    running?.delete(number)
  }

  /** Each state of a file is hashed once, whoever asks and however often. */
  async #digests(path: string): Promise<FileDigests | { unreadable: string }> {
    try {
      return await once(this.#files, path, path, () => this.#hashing.digests(path))
    } catch (error) {
      if (error instanceof StorageFailed) return { unreadable: causeOf(error) }
      throw error
    }
  }

  #viewDigests(view: ViewToHash): Promise<ViewDigests> {
    const key = `${view.archive} ${JSON.stringify(view.naming)}`
    return once(this.#views, view.archive, key, () => this.#hashing.viewDigests(view))
  }
}

async function once<T>(
  known: Map<string, Known<T>>,
  path: string,
  key: string,
  compute: () => Promise<T>,
): Promise<T> {
  const { text: state } = await stateOfFiles([path])
  const found = known.get(key)
  if (found?.state === state) return found.value
  const value = compute()
  known.set(key, { state, value })
  // What could not be read now may be read later.
  value.catch(() => known.delete(key))
  return value
}

async function admission(admit: () => void): Promise<Admission> {
  try {
    admit()
    return null
  } catch (error) {
    if (!(error instanceof TooMany)) throw error
    return { refused: error.reason, retryAfter: error.retryAfter }
  }
}

function causeOf({ cause, message }: StorageFailed): string {
  return cause instanceof Error ? cause.message : String(cause ?? message)
}
