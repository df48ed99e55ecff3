/** Digests of an archive while its bytes pass by. */
import { createHash, type Hash } from 'node:crypto'
import type { Blob } from '../storage/blob.ts'
import { sha256Of } from '../storage/sha256.ts'
import { CHUNK_SIZE, type ViewDigests } from './member-index.ts'

/** Length, md5 and sha256 of bytes that are given piece by piece. */
export class ArchiveDigest {
  readonly #md5 = createHash('md5')
  readonly #sha256 = createHash('sha256')
  #size = 0

  update(bytes: Uint8Array): void {
    this.#md5.update(bytes)
    this.#sha256.update(bytes)
    this.#size += bytes.length
  }

  /** The digests; nothing can be added any more. */
  end(): ViewDigests {
    return { size: this.#size, md5: this.#md5.digest('hex'), sha256: this.#sha256.digest('hex') }
  }
}

/** Reads something whole, an object or a blob, and answers its digests. Throws what the stream throws. */
export async function digestsOf(whole: Pick<Blob, 'size' | 'stream'>): Promise<ViewDigests> {
  const digest = new ArchiveDigest()
  for await (const chunk of whole.stream({ start: 0, end: whole.size })) digest.update(chunk)
  return digest.end()
}

/** sha256 of each {@link CHUNK_SIZE} bytes, the last chunk may be shorter: what a repair compares. */
export class ChunkDigests {
  readonly #chunks: string[] = []
  #hash: Hash = createHash('sha256')
  #filled = 0

  update(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; ) {
      const part = bytes.subarray(at, at + CHUNK_SIZE - this.#filled)
      this.#hash.update(part)
      this.#filled += part.length
      at += part.length
      if (this.#filled === CHUNK_SIZE) this.#close()
    }
  }

  /** All digests in order. */
  end(): string[] {
    if (this.#filled > 0) this.#close()
    return this.#chunks
  }

  #close(): void {
    this.#chunks.push(this.#hash.digest('hex'))
    this.#hash = createHash('sha256')
    this.#filled = 0
  }
}

/** sha256 of each {@link CHUNK_SIZE} bytes of a part that begins where a chunk begins; computed on other threads. */
export async function chunkDigestsOf(part: Uint8Array): Promise<string[]> {
  const chunks: Promise<Buffer>[] = []
  for (let at = 0; at < part.length; at += CHUNK_SIZE) {
    chunks.push(sha256Of(part.subarray(at, at + CHUNK_SIZE)))
  }
  return (await Promise.all(chunks)).map(digest => digest.toString('hex'))
}
