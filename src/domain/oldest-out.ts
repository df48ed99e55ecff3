/** Values under keys, as many as their weights allow: what was kept first goes first. */
export class OldestOut<T> {
  readonly #most: number
  readonly #kept = new Map<string, { readonly value: T; readonly weight: number }>()
  #weight = 0

  /** @param most - sum of the weights at the most, in whatever unit they are given */
  constructor(most: number) {
    this.#most = most
  }

  /** Sum of the weights of what is kept. */
  get weight(): number {
    return this.#weight
  }

  /** The value of a key, if it is still here. */
  get(key: string): T | undefined {
    return this.#kept.get(key)?.value
  }

  /** Keeps a value as the newest one, in the place of the one before; one that is heavier than everything together is not kept. */
  keep(key: string, value: T, weight: number): void {
    this.drop(key)
    this.#kept.set(key, { value, weight })
    this.#weight += weight
    for (const oldest of this.#kept.keys()) {
      if (this.#weight <= this.#most) break
      this.drop(oldest)
    }
  }

  /** Lets go of a key; twice is harmless. */
  drop(key: string): void {
    this.#weight -= this.#kept.get(key)?.weight ?? 0
    this.#kept.delete(key)
  }

  /** Lets go of everything. */
  clear(): void {
    this.#kept.clear()
    this.#weight = 0
  }
}
