/**
 * Receives parts into a folder: each upload is a sparse file with a mark beside it for each part that was flushed.
 *
 *     .uploads/<id>/object     the bytes
 *     .uploads/<id>/key        what it will be called
 *     .uploads/<id>/000001     the size of part 1: written when its bytes are on disk
 */
import { createHash, randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { StorageWriteFailed } from '../domain/errors.ts'
import { flushFolder, replaceFile } from './replace-file.ts'
import type { BegunUpload, ReceivedPart, StoreUploads } from './store-uploads.ts'
import { PART_SIZE } from './store-writer.ts'

const UPLOADS = '.uploads'
const ID = /^[0-9a-f]{24}$/
const MARK = /^\d{6}$/

/** Receives objects below a folder. */
export class FolderUploads implements StoreUploads {
  readonly #root: string

  /** @param root - absolute path */
  constructor(root: string) {
    this.#root = root
  }

  partSize(): number {
    return PART_SIZE
  }

  async begin(key: string): Promise<BegunUpload> {
    const upload = { key, id: randomBytes(12).toString('hex') }
    return this.#working(key, async () => {
      await mkdir(this.#folder(upload), { recursive: true })
      await replaceFile(join(this.#folder(upload), 'key'), key)
      return upload
    })
  }

  async parts(upload: BegunUpload): Promise<ReceivedPart[]> {
    const names = await readdir(this.#folder(upload)).catch(() => [])
    const marks = names.filter(name => MARK.test(name)).sort()
    return Promise.all(
      marks.map(async name => ({
        number: Number(name),
        size: Number(await readFile(join(this.#folder(upload), name), 'utf8')),
      })),
    )
  }

  async putPart(
    upload: BegunUpload,
    { number, offset, body, sha256 }: Parameters<StoreUploads['putPart']>[1],
  ): Promise<void> {
    if (createHash('sha256').update(body).digest('hex') !== sha256) {
      throw new StorageWriteFailed(
        upload.key,
        new Error(`part ${number} does not match its digest`),
      )
    }
    await this.#working(upload.key, async () => {
      const folder = this.#folder(upload)
      const file = await open(join(folder, 'object'), constants.O_CREAT | constants.O_WRONLY)
      try {
        for (let done = 0; done < body.length; ) {
          done += (await file.write(body, done, body.length - done, offset + done)).bytesWritten
        }
        await file.datasync()
      } finally {
        await file.close()
      }
      await replaceFile(join(folder, String(number).padStart(6, '0')), String(body.length))
    })
  }

  /** Clients do not reach a folder. */
  async partAddress(): Promise<undefined> {
    return undefined
  }

  async complete(upload: BegunUpload): Promise<void> {
    await this.#working(upload.key, async () => {
      const from = join(this.#folder(upload), 'object')
      const there = await stat(from).catch(() => undefined)
      if (there !== undefined) await this.#rename(from, upload.key)
      else if ((await stat(this.#pathOf(upload.key)).catch(() => undefined)) === undefined) {
        throw new StorageWriteFailed(upload.key, new Error('the upload has no parts any more'))
      }
      await rm(this.#folder(upload), { recursive: true, force: true })
    })
  }

  async abort(upload: BegunUpload): Promise<void> {
    await rm(this.#folder(upload), { recursive: true, force: true })
  }

  async begunBefore(time: Date): Promise<BegunUpload[]> {
    const names = await readdir(join(this.#root, UPLOADS)).catch(() => [])
    const found: BegunUpload[] = []
    for (const id of names.filter(name => ID.test(name))) {
      const path = join(this.#root, UPLOADS, id, 'key')
      const stats = await stat(path).catch(() => undefined)
      if (stats === undefined || stats.mtime >= time) continue
      found.push({ id, key: await readFile(path, 'utf8') })
    }
    return found
  }

  async move(from: string, to: string): Promise<void> {
    await this.#working(to, () => this.#rename(this.#pathOf(from), to))
  }

  async remove(key: string): Promise<void> {
    await rm(this.#pathOf(key), { force: true })
  }

  async #rename(from: string, key: string): Promise<void> {
    const path = this.#pathOf(key)
    await mkdir(dirname(path), { recursive: true })
    await rename(from, path)
    await flushFolder(dirname(path))
  }

  #folder({ id, key }: BegunUpload): string {
    if (!ID.test(id)) throw new StorageWriteFailed(key, new Error('there is no such upload'))
    return join(this.#root, UPLOADS, id)
  }

  #pathOf(key: string): string {
    return join(this.#root, key)
  }

  async #working<T>(key: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      throw error instanceof StorageWriteFailed ? error : new StorageWriteFailed(key, error)
    }
  }
}
