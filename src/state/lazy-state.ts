/** The state of a server, opened when it is first needed: a server without tokens never loads a database. */
import { stat } from 'node:fs/promises'
import { StateUnavailable } from '../domain/access-errors.ts'
import type { State } from './open-state.ts'
import { isPostgresUrl } from './postgres-url.ts'

// How often it is looked whether the file is still the same.
const LOOK_MS = 1000

interface Opened {
  readonly state: State
  readonly inode: number | undefined
}

/** Where the state is, and the state once it was needed. */
export class LazyState {
  /** Path or address of the database. */
  readonly path: string
  /** True for a database that several servers share: there is no file to look at. */
  readonly isShared: boolean
  #opening: Promise<Opened> | undefined
  #opened: Opened | undefined
  #lookedAt = 0

  constructor(path: string) {
    this.path = path
    this.isShared = isPostgresUrl(path)
  }

  /** The state if it was opened already. */
  get opened(): State | undefined {
    return this.#opened?.state
  }

  /**
   * The state if there is one; undefined when nobody has made one yet.
   *
   * @throws StateUnavailable; also when the file was replaced or taken away since it was opened (a database must not be exchanged under a
   *   process that uses it): what is revoked in the new one would not be known here
   */
  async present(): Promise<State | undefined> {
    if (this.isShared) return this.open()
    // One that is being made at this moment is there.
    if (this.#opened === undefined && this.#opening !== undefined) return this.open()
    const now = Date.now()
    if (this.#opened !== undefined && now - this.#lookedAt < LOOK_MS) return this.#opened.state
    this.#lookedAt = now
    const inode = await inodeOf(this.path)
    if (this.#opened !== undefined && inode !== this.#opened.inode) {
      this.#lookedAt = 0
      const reason = 'it was replaced or removed while this server runs; restart the server, or'
      throw new StateUnavailable(this.path, reason)
    }
    return inode === undefined ? undefined : this.open()
  }

  /** The state; made when there is none. Throws StateUnavailable; the next call tries again. */
  async open(): Promise<State> {
    this.#opening ??= this.#open().catch(error => {
      this.#opening = undefined
      throw error
    })
    return (await this.#opening).state
  }

  /** Closes the state if it was opened. */
  async close(): Promise<void> {
    const opening = this.#opening
    this.#opening = undefined
    this.#opened = undefined
    await opening?.then(({ state }) => state.close()).catch(() => {})
  }

  async #open(): Promise<Opened> {
    const { openState } = await import('./open-state.ts')
    const state = await openState(this.path)
    const inode = this.isShared ? undefined : await inodeOf(this.path)
    this.#opened = { state, inode }
    return this.#opened
  }
}

function inodeOf(path: string): Promise<number | undefined> {
  return stat(path).then(
    ({ ino }) => ino,
    () => undefined,
  )
}
