/** So many connections for everything that is fetched at a time; whoever comes first gets them first. */

/** See the head of this file. */
export class ConnectionBudget {
  readonly #most: number
  #free: number
  readonly #waiting: { readonly count: number; readonly begin: () => void }[] = []

  /** @param most - connections, 1 or more */
  constructor(most: number) {
    this.#most = most
    this.#free = most
  }

  /** Runs work that uses `count` connections, as soon as they are free. */
  async with<T>(count: number, work: () => Promise<T>): Promise<T> {
    const taken = Math.min(this.#most, count)
    await new Promise<void>(begin => {
      this.#waiting.push({ count: taken, begin })
      this.#begin()
    })
    try {
      return await work()
    } finally {
      this.#free += taken
      this.#begin()
    }
  }

  #begin(): void {
    for (let next = this.#waiting[0]; next !== undefined && next.count <= this.#free; ) {
      this.#free -= next.count
      this.#waiting.shift()
      next.begin()
      next = this.#waiting[0]
    }
  }
}
