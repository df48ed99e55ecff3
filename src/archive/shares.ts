/** A budget that work takes a share of, each in its turn; what wants more than all of it has all of it to itself. */
export class Shares {
  readonly #most: number
  #left: number
  readonly #waiting: { readonly share: number; readonly begin: () => void }[] = []

  constructor(most: number) {
    this.#most = most
    this.#left = most
  }

  /** Does something with a share of the budget. Throws what it throws. */
  async with<T>(wanted: number, work: () => Promise<T>): Promise<T> {
    const share = Math.min(wanted, this.#most)
    await new Promise<void>(begin => {
      this.#waiting.push({ share, begin })
      this.#next()
    })
    try {
      return await work()
    } finally {
      this.#left += share
      this.#next()
    }
  }

  /** Nobody overtakes: what is large would wait for ever. */
  #next(): void {
    for (let first = this.#waiting[0]; first !== undefined && first.share <= this.#left; ) {
      this.#left -= first.share
      this.#waiting.shift()
      first.begin()
      first = this.#waiting[0]
    }
  }
}
