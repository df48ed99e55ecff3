/**
 * Answers that were handed to the kernel whole, and may still be thrown away by the client: then its connection breaks soon.
 *
 * Nothing tells when a client has taken all bytes; that its connection ends well, or that it asks for more on it, is as near as one gets.
 */
import type { Socket } from 'node:net'

const SETTLE_MS = 2000
// One timer serves all answers: it looks no more often than so many times in the time that an answer waits.
const LOOKS = 20

/** An answer that waits. */
interface Held {
  readonly done: (lost: boolean) => void
  /** By `performance.now()`. */
  readonly until: number
}

/** Holds answers back until it is known, as far as it can be, whether they have arrived. */
export class UnsettledAnswers {
  readonly #settleMs: number
  // One a connection: a newer answer settles the one before. The one that was held first stands first.
  readonly #waiting = new Map<Socket, Held>()
  // One listener a connection, however many answers it brings.
  readonly #watched = new WeakSet<Socket>()
  #timer: NodeJS.Timeout | undefined

  /** @param settleMs - how long a connection may take to break */
  constructor(settleMs = SETTLE_MS) {
    this.#settleMs = settleMs
  }

  /** Tells whether an answer that was sent on a connection got lost. */
  hold(socket: Socket, done: (lost: boolean) => void): void {
    if (socket.destroyed) {
      done(socket.errored !== null)
      return
    }
    this.settle(socket)
    this.#watch(socket)
    this.#waiting.set(socket, { done, until: performance.now() + this.#settleMs })
    this.#timer ??= this.#lookAfter(this.#settleMs)
  }

  /** Takes what was sent on a connection as arrived: its client asks for more. */
  settle(socket: Socket): void {
    this.#end(socket, false)
  }

  /** Takes everything as arrived: there is no time to wait any more. */
  settleAll(): void {
    for (const socket of [...this.#waiting.keys()]) this.#end(socket, false)
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  #watch(socket: Socket): void {
    if (this.#watched.has(socket)) return
    this.#watched.add(socket)
    socket.once('close', hadError => this.#end(socket, hadError))
  }

  #end(socket: Socket, lost: boolean): void {
    const held = this.#waiting.get(socket)
    if (held === undefined) return
    this.#waiting.delete(socket)
    held.done(lost)
  }

  #lookAfter(ms: number): NodeJS.Timeout {
    const timer = setTimeout(() => this.#look(), ms)
    return timer.unref()
  }

  /** Takes as arrived what has waited long enough. */
  #look(): void {
    this.#timer = undefined
    const now = performance.now()
    for (const [socket, { until }] of this.#waiting) {
      if (until > now) {
        this.#timer = this.#lookAfter(Math.max(until - now, this.#settleMs / LOOKS))
        return
      }
      this.#end(socket, false)
    }
  }
}
