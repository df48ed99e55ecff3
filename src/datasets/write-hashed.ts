/**
 * Writes the content of a file while another thread hashes it: what comes is put together to large pieces, one is filled while the other is
 * written, and the thread reads what is in the file by then.
 */
import type { FileHandle } from 'node:fs/promises'
import { HASHER } from '../transfer/file-hasher.ts'

// Stores send 64 KiB at a time: a write of each would cost as much as the bytes.
const PIECE = 1024 * 1024

/** A file that is new and open for writing. */
export interface NewFile {
  readonly path: string
  readonly handle: FileHandle
  /** Bytes that it is to have. */
  readonly size: number
}

/**
 * Writes all content; answers its SHA-256 in hex, undefined when it has not as many bytes as it should. Nothing is written any more when it is over.
 *
 * @param onBytes - told the bytes that were written since the last call
 * @throws StorageFailed when the file cannot be read again; what the content and the handle throw
 */
export async function writeHashed(
  { path, handle, size }: NewFile,
  content: AsyncIterable<Uint8Array>,
  onBytes: (bytes: number) => void,
): Promise<string | undefined> {
  const hash = HASHER.begin({ path, size, algorithm: 'sha256' })
  const file = new PieceWriter(handle, Math.min(PIECE, size), bytes => {
    hash.advance(file.written)
    onBytes(bytes)
  })
  let digest: string | undefined
  try {
    if (await takesAll(file, content, size)) digest = await hash.digest()
    return digest
  } finally {
    await file.rest()
    if (digest === undefined) hash.drop()
  }
}

/** Whether the content had exactly so many bytes; what is more is not written. */
async function takesAll(
  file: PieceWriter,
  content: AsyncIterable<Uint8Array>,
  size: number,
): Promise<boolean> {
  let come = 0
  for await (const chunk of content) {
    come += chunk.length
    if (come > size) return false
    await file.add(chunk)
  }
  await file.end()
  return come === size
}

/** Two pieces of memory, of which one is written while the other is filled. */
class PieceWriter {
  /** Bytes that are in the file. */
  written = 0
  readonly #handle: FileHandle
  readonly #onWritten: (bytes: number) => void
  #filling: Buffer
  #other: Buffer
  #filled = 0
  #writing = Promise.resolve()

  constructor(handle: FileHandle, piece: number, onWritten: (bytes: number) => void) {
    this.#handle = handle
    this.#filling = Buffer.allocUnsafe(piece)
    this.#other = Buffer.allocUnsafe(piece)
    this.#onWritten = onWritten
  }

  async add(chunk: Uint8Array): Promise<void> {
    for (let from = 0; from < chunk.length; ) {
      const some = chunk.subarray(from, from + this.#filling.length - this.#filled)
      this.#filling.set(some, this.#filled)
      this.#filled += some.length
      from += some.length
      if (this.#filled === this.#filling.length) await this.#flush()
    }
  }

  async end(): Promise<void> {
    if (this.#filled > 0) await this.#flush()
    await this.#writing
  }

  /** Waits until nothing is written any more, however that ended. */
  async rest(): Promise<void> {
    await this.#writing.catch(() => {})
  }

  async #flush(): Promise<void> {
    await this.#writing
    const piece = this.#filling.subarray(0, this.#filled)
    const filling = this.#other
    this.#other = this.#filling
    this.#filling = filling
    this.#filled = 0
    this.#writing = this.#write(piece)
    // Looked at with the next piece; until then nobody listens.
    this.#writing.catch(() => {})
  }

  async #write(piece: Buffer): Promise<void> {
    await this.#handle.writeFile(piece)
    this.written += piece.length
    this.#onWritten(piece.length)
  }
}
