/** Small objects that may change: asked for each time, with the last answer for when nobody answers. */
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { StorageFailed } from '../domain/errors.ts'
import { replaceFile } from './replace-file.ts'
import type { Identity, Listed, Store } from './store.ts'

/** An answer of a store. */
export interface Answer {
  readonly identity: Identity
  readonly content: Buffer
}

const LISTING: Identity = { size: 0, modifiedMs: 0, inode: '' }

/** Keeps the last answers, in files of a folder. */
export class LastAnswers {
  readonly #folder: string
  readonly #known = new Map<string, Answer>()

  constructor(folder: string) {
    this.#folder = folder
  }

  /**
   * The object as the store has it now; as it had it last when the store cannot be reached.
   *
   * @throws StorageFailed when the store cannot be reached and never was
   */
  async ask(key: string, origin: Store): Promise<Answer | undefined> {
    try {
      return await this.#fresh(key, origin)
    } catch (error) {
      if (!(error instanceof StorageFailed)) throw error
      const last = this.#known.get(key) ?? (await this.#kept(key))
      if (last !== undefined) return last
      throw error
    }
  }

  /** What the store lists below a folder; what it listed last when it cannot be reached. Throws as `ask`. */
  async list(folder: string, origin: Store): Promise<Listed[]> {
    const key = `list ${folder}`
    try {
      const listed = await origin.list(folder)
      const content = Buffer.from(JSON.stringify(listed))
      const before = this.#known.get(key)?.content
      if (before?.equals(content) !== true) await this.#keep(key, { identity: LISTING, content })
      return listed
    } catch (error) {
      const last = this.#known.get(key) ?? (await this.#kept(key))
      if (!(error instanceof StorageFailed) || last === undefined) throw error
      return JSON.parse(last.content.toString('utf8'))
    }
  }

  async #fresh(key: string, origin: Store): Promise<Answer | undefined> {
    const object = await origin.open(key)
    if (object === undefined) return undefined
    const { size, modifiedMs, inode } = object
    const identity = { size, modifiedMs, inode }
    const known = this.#known.get(key)
    if (known !== undefined && sameState(known.identity, identity)) {
      await object.close()
      return known
    }
    const content = await object.bytes({ start: 0, end: size }).finally(() => object.close())
    const answer = { identity, content }
    await this.#keep(key, answer)
    return answer
  }

  async #keep(key: string, answer: Answer): Promise<void> {
    this.#known.set(key, answer)
    const { identity, content } = answer
    const kept = JSON.stringify({ key, identity, content: content.toString('base64') })
    // A disk that is full must not hide the answer.
    await replaceFile(this.#path(key), kept).catch(() => {})
  }

  async #kept(key: string): Promise<Answer | undefined> {
    try {
      const kept = JSON.parse(await readFile(this.#path(key), 'utf8'))
      const answer = { identity: kept.identity, content: Buffer.from(kept.content, 'base64') }
      if (kept.key !== key) return undefined
      this.#known.set(key, answer)
      return answer
    } catch {
      return undefined
    }
  }

  #path(key: string): string {
    return join(this.#folder, `${createHash('sha256').update(key).digest('hex').slice(0, 40)}.last`)
  }
}

function sameState(a: Identity, b: Identity): boolean {
  return a.size === b.size && a.modifiedMs === b.modifiedMs && a.inode === b.inode
}
