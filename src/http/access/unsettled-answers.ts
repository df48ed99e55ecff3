/**
 * Answers that were handed to the kernel whole, and may still be thrown away by the client: then its connection breaks soon.
 *
 * Nothing tells when a client has taken all bytes; that its connection ends well, or that it asks for more on it, is as near as one gets.
 */
import type { Socket } from 'node:net'

const SETTLE_MS = 2000
// One timer serves all answers: it looks so many times in the time that an answer waits.
const LOOKS = 20

/** A connection, and the answer on it that waits. */
interface Watched {
  /** Undefined when none does. */
  done: ((lost: boolean) => void) | undefined
  /** By `performance.now()`. */
  until: number
}

/** Holds answers back until it is known, as far as it can be, whether they have arrived. */
export class UnsettledAnswers {
  readonly #settleMs: number
  // One answer a connection: a newer one settles the one before. Connections are watched until they end, however many answers they bring.
  readonly #watched = new Map<Socket, Watched>()
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
    const watched = this.#watched.get(socket) ?? this.#watch(socket)
    end(watched, false)
    watched.done = done
    watched.until = performance.now() + this.#settleMs
    this.#timer ??= this.#lookLater()
  }

  /** Takes what was sent on a connection as arrived: its client asks for more. */
  settle(socket: Socket): void {
    const watched = this.#watched.get(socket)
    if (watched !== undefined) end(watched, false)
  }

  /** Takes everything as arrived: there is no time to wait any more. */
  settleAll(): void {
    for (const watched of this.#watched.values()) end(watched, false)
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  #watch(socket: Socket): Watched {
    const watched: Watched = { done: undefined, until: 0 }
    this.#watched.set(socket, watched)
    socket.once('close', hadError => {
      this.#watched.delete(socket)
      end(watched, hadError)
    })
    return watched
  }

  #lookLater(): NodeJS.Timeout {
    return setTimeout(() => this.#look(), this.#settleMs / LOOKS).unref()
  }

  /** Takes as arrived what has waited long enough. */
  #look(): void {
    const now = performance.now()
    let isWaiting = false
    for (const watched of this.#watched.values()) {
      if (watched.until <= now) end(watched, false)
      isWaiting ||= watched.done !== undefined
    }
    this.#timer = isWaiting ? this.#lookLater() : undefined
  }
}

function end(watched: Watched, lost: boolean): void {
  const { done } = watched
  watched.done = undefined
  done?.(lost)
}
