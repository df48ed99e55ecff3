/** Who may read next: large reads never take every thread that the process has for files. */

// libuv's own default, and the variable that it reads.
const THREADS = Number(process.env.UV_THREADPOOL_SIZE) || 4

/** Turns for large reads, in the order they were asked for. One thread stays free for whoever opens a small file meanwhile. */
export class ReadTurns {
  readonly #atOnce: number
  readonly #waiting = new Set<() => void>()
  #taken = 0

  /** @param atOnce - turns that are taken at the same time, at most */
  constructor(atOnce = Math.max(1, THREADS - 1)) {
    this.#atOnce = atOnce
  }

  /** Calls `start` when it is its turn, perhaps at once; whoever is called must call `end`. Asking again before that changes nothing. */
  ask(start: () => void): void {
    if (this.#taken >= this.#atOnce) {
      this.#waiting.add(start)
      return
    }
    this.#taken += 1
    start()
  }

  /** No longer waits for a turn. */
  withdraw(start: () => void): void {
    this.#waiting.delete(start)
  }

  /** Gives the turn to whoever waits longest. */
  end(): void {
    const [next] = this.#waiting
    if (next === undefined) {
      this.#taken -= 1
      return
    }
    this.#waiting.delete(next)
    next()
  }
}
