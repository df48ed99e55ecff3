/** One end of the line between the primary process of a server and a worker: news without answer, and questions with one. */
import { exitCodeOf, FarError } from './exit-codes.ts'

/** What sends and receives for this end: a process. */
export interface LinePort {
  send(message: object, sent: (error: Error | null) => void): unknown
  on(event: 'message', received: (message: unknown) => void): unknown
}

/** Questions by their kind, with their answers. */
type Questions<All> = {
  readonly [Kind in keyof All]: { readonly question: object; readonly answer: unknown }
}

/** Any question of a table. */
export type QuestionOf<All extends Questions<All>> = All[keyof All]['question']

/** What this end does with what comes. */
export interface LineHandlers {
  /** Answers a question; what it throws is thrown at the other end. */
  answer(question: never): unknown
  hear(news: never): void
}

type Message =
  | { readonly news: object }
  | { readonly ask: number; readonly question: object }
  | { readonly answers: number; readonly value: unknown }
  | { readonly answers: number; readonly error: string; readonly exitCode: number }

interface Waiting {
  readonly done: (value: never) => void
  readonly failed: (error: Error) => void
}

/** See the head of this file; `Asked` is what this end asks. */
export class WorkerLine<Asked extends Questions<Asked>, News extends object> {
  readonly #port: LinePort
  readonly #handlers: LineHandlers
  readonly #waiting = new Map<number, Waiting>()
  #next = 0
  #broken: Error | undefined

  constructor(port: LinePort, handlers: LineHandlers) {
    this.#port = port
    this.#handlers = handlers
    port.on('message', message => this.#receive(message as Message))
  }

  /** Tells something; when the other end is gone nobody hears it. */
  tell(news: News): void {
    this.#send({ news })
  }

  /**
   * Asks something.
   *
   * @throws FarError, or what {@link close} was told
   */
  ask<K extends keyof Asked>(
    question: Asked[K]['question'] & { readonly kind: K },
  ): Promise<Asked[K]['answer']> {
    return new Promise((done, failed) => {
      if (this.#broken !== undefined) {
        failed(this.#broken)
        return
      }
      const ask = this.#next++
      this.#waiting.set(ask, { done: done as Waiting['done'], failed })
      this.#send({ ask, question })
    })
  }

  /** The other end is gone: nothing is answered any more. */
  close(reason: Error): void {
    this.#broken = reason
    for (const { failed } of this.#waiting.values()) failed(reason)
    this.#waiting.clear()
  }

  #receive(message: Message): void {
    if ('news' in message) this.#handlers.hear(message.news as never)
    else if ('ask' in message) void this.#reply(message.ask, message.question)
    else this.#settle(message)
  }

  async #reply(answers: number, question: object): Promise<void> {
    try {
      const value = (await this.#handlers.answer(question as never)) ?? null
      this.#send({ answers, value })
    } catch (error) {
      const exitCode = exitCodeOf(error)
      this.#send({ answers, error: (error as Error).message, exitCode })
    }
  }

  #settle(message: Extract<Message, { readonly answers: number }>): void {
    const waiting = this.#waiting.get(message.answers)
    this.#waiting.delete(message.answers)
    if ('error' in message) waiting?.failed(new FarError(message.error, message.exitCode))
    else waiting?.done(message.value as never)
  }

  #send(message: Message): void {
    // Whoever waits for an answer learns of the end of the other process by `close`.
    this.#port.send(message, () => {})
  }
}
