/**
 * Downloads a file: parts over several connections into `<target>.part`, compared as they arrive, the whole compared at the end, then renamed. A run that
 * was broken off is gone on with, from the same servers or others.
 */
import { type FileHandle, mkdir, open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { RefdepotError, StorageWriteFailed } from '../domain/errors.ts'
import { DigestMismatch } from '../domain/transfer-errors.ts'
import { flushFolder } from '../storage/replace-file.ts'
import { type GrowingHash, HASHER } from './file-hasher.ts'
import { Journal } from './journal.ts'
import { BUFFERS } from './part-buffers.ts'
import { fetchParts, sha256Of } from './part-fetcher.ts'
import { type Part, partsOf } from './part-plan.ts'
import { comparedDigest, type RemoteFile } from './remote-file.ts'
import type { TransferOptions, TransferSummary } from './transfer-options.ts'

/**
 * See the head of this file. One process at a time may download to a target: whoever calls sees to it.
 *
 * @param target - absolute path; what is there stays until the new file is complete
 * @throws RemoteFailed, DigestMismatch, StorageWriteFailed; what was fetched stays for the next run, unless it was damaged
 */
export async function downloadFile(
  file: RemoteFile,
  target: string,
  options: TransferOptions,
): Promise<TransferSummary> {
  let summary: TransferSummary = { received: 0, resumed: 0, retried: 0 }
  // Mixed from several places, or of an earlier run: nobody knows whose bytes are wrong. Then each place alone.
  const tries = [file, ...file.urls.map(url => ({ ...file, urls: [url] }))]
  let mismatch: unknown
  for (const order of file.parts === undefined ? tries : [file, file]) {
    try {
      const cost = await new Download(order, target, options).run()
      return added(summary, cost)
    } catch (error) {
      if (!(error instanceof WholeMismatch)) throw error
      mismatch = error
      summary = added(summary, error.cost)
      const { subject } = file
      const bytes = file.size
      options.onEvent?.({ event: 'retried', subject, bytes, reason: error.message })
    }
  }
  throw mismatch
}

/** The whole is not what its digest says; nothing of it is kept. */
class WholeMismatch extends DigestMismatch {
  readonly cost: TransferSummary

  constructor(message: string, cost: TransferSummary) {
    super(message)
    this.cost = cost
  }
}

function added(a: TransferSummary, b: TransferSummary): TransferSummary {
  return {
    received: a.received + b.received,
    resumed: b.resumed,
    retried: a.retried + b.retried,
  }
}

class Download {
  readonly #file: RemoteFile
  readonly #target: string
  readonly #options: TransferOptions
  readonly #part: string
  readonly #parts: readonly Part[]
  readonly #done: Set<number>
  /** Parts before this one are in place, all of them. */
  #frontier = 0

  constructor(file: RemoteFile, target: string, options: TransferOptions) {
    this.#file = file
    this.#target = target
    this.#options = options
    this.#part = `${target}.part`
    this.#parts = partsOf(file)
    this.#done = new Set()
  }

  async run(): Promise<TransferSummary> {
    const handle = await this.#opened()
    let journal: Journal | undefined
    let hash: GrowingHash | undefined
    try {
      journal = await Journal.open(`${this.#part}.journal`, this.#head())
      const resumed = await this.#resume(journal, handle)
      hash = this.#hash()
      this.#moveOn(hash)
      const cost = await this.#fetch(handle, journal, hash)
      const [actual] = await Promise.all([hash.digest(), handle.sync()])
      hash = undefined
      await this.#compare(actual, { ...cost, resumed }, journal)
      await handle.close()
      await rename(this.#part, this.#target)
      await flushFolder(dirname(this.#target))
      await journal.remove()
      return { ...cost, resumed }
    } catch (error) {
      hash?.drop()
      await journal?.close().catch(() => {})
      await handle.close().catch(() => {})
      throw this.#readable(error)
    }
  }

  #readable(error: unknown): unknown {
    const isSystem = (error as NodeJS.ErrnoException)?.syscall !== undefined
    if (error instanceof RefdepotError || !isSystem) return error
    return new StorageWriteFailed(this.#target, error)
  }

  async #opened(): Promise<FileHandle> {
    try {
      await mkdir(dirname(this.#part), { recursive: true })
      // Not emptied: an earlier run may have left something.
      return await open(this.#part, 'r+').catch(() => open(this.#part, 'w+'))
    } catch (error) {
      throw new StorageWriteFailed(this.#part, error)
    }
  }

  #head() {
    const { size, digests, parts } = this.#file
    const { md5 = null, sha256 = null } = digests
    return { size, md5, sha256, part_size: parts?.size ?? null }
  }

  /** Which parts are there; those whose digest is known are compared again. Answers their bytes. */
  async #resume(journal: Journal, handle: FileHandle): Promise<number> {
    let bytes = 0
    if (journal.done.size === 0) await handle.truncate(0)
    const { size: there } = await handle.stat()
    for (const part of this.#parts) {
      if (!journal.done.has(part.number) || part.end > there) continue
      if (!(await isIntact(part, handle))) continue
      this.#done.add(part.number)
      bytes += part.end - part.start
    }
    const { subject } = this.#file
    if (bytes > 0) this.#options.onEvent?.({ event: 'resumed', subject, bytes })
    return bytes
  }

  #hash(): GrowingHash {
    const { size, subject } = this.#file
    const { onEvent } = this.#options
    return HASHER.begin({
      path: this.#part,
      size,
      algorithm: comparedDigest(this.#file).algorithm,
      onHashed: bytes => onEvent?.({ event: 'hashed', subject, bytes }),
    })
  }

  #fetch(handle: FileHandle, journal: Journal, hash: GrowingHash) {
    return fetchParts({
      file: this.#file,
      parts: this.#parts.filter(({ number }) => !this.#done.has(number)),
      options: this.#options,
      take: async (part, bytes) => {
        await this.#write(handle, part, bytes)
        await journal.add(part.number)
        this.#done.add(part.number)
        this.#moveOn(hash)
      },
    })
  }

  async #write(handle: FileHandle, part: Part, bytes: Buffer): Promise<void> {
    try {
      for (let at = 0; at < bytes.length; ) {
        const { bytesWritten } = await handle.write(bytes, at, bytes.length - at, part.start + at)
        at += bytesWritten
      }
    } catch (error) {
      throw new StorageWriteFailed(this.#part, error)
    }
  }

  /** Lets the hash go on up to the first part that is missing. */
  #moveOn(hash: GrowingHash): void {
    const before = this.#frontier
    while (this.#done.has(this.#frontier)) this.#frontier += 1
    if (this.#frontier > before) hash.advance(this.#parts[this.#frontier - 1]?.end ?? 0)
  }

  async #compare(actual: string, cost: TransferSummary, journal: Journal): Promise<void> {
    const { subject } = this.#file
    const { expected } = comparedDigest(this.#file)
    if (actual === expected) return
    await journal.remove()
    await rm(this.#part, { force: true })
    const message = `${subject} is damaged: what arrived has the digest ${actual}, not ${expected}`
    throw new WholeMismatch(message, cost)
  }
}

/** True when a part on disk is what its digest says, or when it has none: then the whole digest tells. */
async function isIntact(part: Part, handle: FileHandle): Promise<boolean> {
  if (part.sha256 === undefined) return true
  const buffer = await BUFFERS.take(part.end - part.start)
  try {
    const bytes = buffer.subarray(0, part.end - part.start)
    const { bytesRead } = await handle.read(bytes, 0, bytes.length, part.start)
    return bytesRead === bytes.length && (await sha256Of(bytes)) === part.sha256
  } finally {
    BUFFERS.give(buffer)
  }
}
