/** Work that goes on behind whoever began it: some of it in its order, the rest at the same time. */
export class UnderWay {
  readonly #waiting = new Set<Promise<void>>()
  #last: Promise<void> = Promise.resolve()
  #failure: { readonly error: unknown } | undefined

  /**
   * Does something when all that was put in order before has been begun; its answers may come later. After a failure nothing is begun
   * any more. Resolves when the answers are there, whether good or bad.
   */
  inOrder(begin: () => Promise<readonly Promise<unknown>[]>): Promise<void> {
    const begun = this.#last.then(async () => (this.#failure === undefined ? begin() : []))
    this.#last = begun.then(
      () => {},
      error => this.#failed(error),
    )
    return this.#kept(begun.then(answers => this.beside(answers)).catch(() => {}))
  }

  /** Keeps work that runs already. Resolves when all of it has ended, whether good or bad. */
  beside(work: readonly Promise<unknown>[]): Promise<void> {
    const ended = Promise.allSettled(work).then(outcomes => {
      for (const outcome of outcomes)
        if (outcome.status === 'rejected') this.#failed(outcome.reason)
    })
    return this.#kept(ended)
  }

  /** Throws what failed first, if anything has. */
  demandSound(): void {
    if (this.#failure !== undefined) throw this.#failure.error
  }

  /** Waits until nothing is under way any more; failures are told by {@link demandSound}. */
  async settled(): Promise<void> {
    await this.#last
    while (this.#waiting.size > 0) await Promise.all(this.#waiting)
  }

  #failed(error: unknown): void {
    this.#failure ??= { error }
  }

  #kept(work: Promise<void>): Promise<void> {
    const kept = work.finally(() => this.#waiting.delete(kept))
    this.#waiting.add(kept)
    return kept
  }
}
