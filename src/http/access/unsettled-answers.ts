/**
 * Answers that were handed to the kernel whole, and may still be thrown away by the client: then its connection breaks soon.
 *
 * Nothing tells when a client has taken all bytes; that its connection ends well, or that it asks for more on it, is as near as one gets.
 */
import type { Socket } from 'node:net'

const SETTLE_MS = 2000

/** Holds answers back until it is known, as far as it can be, whether they have arrived. */
export class UnsettledAnswers {
  readonly #settleMs: number
  // One a connection: a newer answer settles the one before.
  readonly #waiting = new Map<Socket, () => void>()

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
    const settle = (lost: boolean) => {
      clearTimeout(timer)
      socket.off('close', settle)
      this.#waiting.delete(socket)
      done(lost)
    }
    const timer = setTimeout(settle, this.#settleMs, false)
    timer.unref()
    this.settle(socket)
    socket.once('close', settle)
    this.#waiting.set(socket, () => settle(false))
  }

  /** Takes what was sent on a connection as arrived: its client asks for more. */
  settle(socket: Socket): void {
    this.#waiting.get(socket)?.()
  }

  /** Takes everything as arrived: there is no time to wait any more. */
  settleAll(): void {
    for (const settle of [...this.#waiting.values()]) settle()
  }
}
