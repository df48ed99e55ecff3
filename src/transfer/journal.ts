/**
 * Which parts of a download are done, in a file beside it: one line for each, appended when the part is in place, so that whoever is killed loses no
 * more than what was on its way. It names sizes and digests, never an address or a token.
 */
import { type FileHandle, open, readFile, rm } from 'node:fs/promises'
import { StorageWriteFailed } from '../domain/errors.ts'

/** The first line: a journal of anything else is begun anew. */
export type JournalHead = Readonly<Record<string, string | number | null>>

/** See the head of this file. */
export class Journal {
  /** Numbers of the parts that are done. */
  readonly done: ReadonlySet<number>
  readonly #path: string
  readonly #file: FileHandle

  private constructor(path: string, file: FileHandle, done: ReadonlySet<number>) {
    this.#path = path
    this.#file = file
    this.done = done
  }

  /**
   * Opens a journal; one that is there goes on when it begins with the same head.
   *
   * @throws StorageWriteFailed
   */
  static async open(path: string, head: JournalHead): Promise<Journal> {
    const first = JSON.stringify({ refdepot_download: 1, ...head })
    try {
      const known = await readFile(path, 'utf8').catch(() => '')
      const [begin, ...lines] = known.split('\n')
      const isSame = begin === first && known.includes('\n')
      const file = await open(path, isSame ? 'a' : 'w')
      // A line that a kill has cut off becomes one that says nothing.
      if (!isSame) await file.appendFile(`${first}\n`)
      else if (!known.endsWith('\n')) await file.appendFile('?\n')
      // What stands behind the last line break was cut off.
      const numbers = lines.slice(0, -1).filter(line => /^\d+$/.test(line))
      return new Journal(path, file, new Set(isSame ? numbers.map(Number) : []))
    } catch (error) {
      throw new StorageWriteFailed(path, error)
    }
  }

  /** Notes that a part is in place. Throws StorageWriteFailed. */
  async add(number: number): Promise<void> {
    await this.#file.appendFile(`${number}\n`).catch(error => {
      throw new StorageWriteFailed(this.#path, error)
    })
  }

  async close(): Promise<void> {
    await this.#file.close()
  }

  /** Closes and removes it. */
  async remove(): Promise<void> {
    await this.close()
    await rm(this.#path, { force: true })
  }
}
