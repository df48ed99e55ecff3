/** The state of a server, opened when it is first needed: a server without tokens never loads a database. */
import { stat } from 'node:fs/promises'
import type { State } from './open-state.ts'

/** Where the state is, and the state once it was needed. */
export class LazyState {
  /** Path of the database. */
  readonly path: string
  #opening: Promise<State> | undefined
  #opened: State | undefined

  constructor(path: string) {
    this.path = path
  }

  /** The state if it was opened already. */
  get opened(): State | undefined {
    return this.#opened
  }

  /** The state if there is one; undefined when nobody has made one yet. Throws StateUnavailable. */
  async present(): Promise<State | undefined> {
    if (this.#opened !== undefined) return this.#opened
    const exists = await stat(this.path).then(
      () => true,
      () => false,
    )
    return exists ? this.open() : undefined
  }

  /** The state; made when there is none. Throws StateUnavailable; the next call tries again. */
  open(): Promise<State> {
    this.#opening ??= import('./open-state.ts')
      .then(({ openState }) => openState(this.path))
      .then(
        state => {
          this.#opened = state
          return state
        },
        error => {
          this.#opening = undefined
          throw error
        },
      )
    return this.#opening
  }

  /** Closes the state if it was opened. */
  async close(): Promise<void> {
    await this.#opening?.then(state => state.close()).catch(() => {})
  }
}
