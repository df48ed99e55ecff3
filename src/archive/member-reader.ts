/** Reads the files that go into an archive. */
import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { SourceChanged, SourceRefused } from '../domain/archiving-errors.ts'
import type { SourceEntry } from './source-tree.ts'

/** Reads one file from begin to end, and notices when it changes meanwhile. */
export class MemberReader {
  readonly #source: SourceEntry
  #file: FileHandle | undefined
  #position = 0

  constructor(source: SourceEntry) {
    this.#source = source
  }

  /** @throws SourceRefused, SourceChanged */
  async open(): Promise<void> {
    const { source } = this.#source
    try {
      this.#file = await open(source, constants.O_RDONLY | constants.O_NOFOLLOW)
    } catch (error) {
      throw new SourceRefused(source, (error as Error).message)
    }
    await this.#mustBeUnchanged()
  }

  /** Fills a buffer with the next bytes. */
  async read(buffer: Buffer): Promise<void> {
    for (let filled = 0; filled < buffer.length; ) {
      const { bytesRead } = await this.#read(buffer, filled)
      if (bytesRead === 0) throw new SourceChanged(this.#source.source)
      filled += bytesRead
      this.#position += bytesRead
    }
  }

  /** Makes sure that what was read is the file, whole, as it was at the beginning. */
  async end(): Promise<void> {
    await this.#mustBeUnchanged()
  }

  /** Lets go of the file; calling it twice is harmless. */
  async close(): Promise<void> {
    await this.#file?.close()
    this.#file = undefined
  }

  #read(buffer: Buffer, filled: number) {
    const file = this.#file as FileHandle
    return file.read(buffer, filled, buffer.length - filled, this.#position).catch(error => {
      /* c8 ignore next 2 -- only a disk that fails under an open file comes here */
      throw new SourceRefused(this.#source.source, (error as Error).message)
    })
  }

  async #mustBeUnchanged(): Promise<void> {
    const stats = await (this.#file as FileHandle).stat({ bigint: true })
    const { size, modifiedNs, source } = this.#source
    if (Number(stats.size) !== size || stats.mtimeNs !== modifiedNs) throw new SourceChanged(source)
  }
}
