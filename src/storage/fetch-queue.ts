/** Fetches each thing once at a time, and few things at once, however many ask for them. */

/** Work that is shared by everybody who asks for the same. */
export class FetchQueue<T> {
  readonly #most: number
  readonly #running = new Map<string, Promise<T>>()
  readonly #waiting: (() => void)[] = []
  #active = 0

  /** @param most - pieces of work at a time */
  constructor(most: number) {
    this.#most = most
  }

  /** The result of the work under this name: of the one that is running, or of a new one. */
  once(name: string, work: () => Promise<T>): Promise<T> {
    const running = this.#running.get(name)
    if (running !== undefined) return running
    const made = this.#inTurn(work).finally(() => this.#running.delete(name))
    this.#running.set(name, made)
    return made
  }

  async #inTurn(work: () => Promise<T>): Promise<T> {
    if (this.#active >= this.#most) await new Promise<void>(go => this.#waiting.push(go))
    else this.#active += 1
    try {
      return await work()
    } finally {
      // Whoever waits takes over the place.
      const next = this.#waiting.shift()
      if (next === undefined) this.#active -= 1
      else next()
    }
  }
}
