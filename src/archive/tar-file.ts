/** Writes a tar whose every byte follows from its members: the same members make the same file. */
import { createHash, randomBytes } from 'node:crypto'
import { open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { RefdepotError, StorageWriteFailed } from '../domain/errors.ts'
import { flushFolder } from '../storage/replace-file.ts'
import { paddingOf, TAR_END_LENGTH, tarHeader } from './tar-header.ts'

/** A file that goes into a tar. */
export interface TarMember {
  /** With `/`. */
  readonly path: string
  /** Bytes. */
  readonly size: number
  /** hex */
  readonly sha256: string
  /** True for files that may be run. */
  readonly executable?: boolean
  /** Its bytes, in order. */
  content(): AsyncIterable<Uint8Array>
}

/**
 * Writes a tar; it has its name only when it is whole. What is written is hashed again on the way.
 *
 * @param changed - makes the error for a member whose bytes are not the ones of its size and digest
 * @throws what `changed` makes, what reading throws that is an error of refdepot; StorageWriteFailed for everything else
 */
export async function writeTar<M extends TarMember>(
  file: string,
  members: readonly M[],
  changed: (member: M) => Error,
): Promise<void> {
  const temporary = `${file}.${process.pid}.${randomBytes(4).toString('hex')}.part`
  try {
    // Opened before anything can fail: a stream that opens it itself may do so after it was removed.
    const output = await open(temporary, 'wx')
    await pipeline(bytesOf(members, changed), output.createWriteStream({ flush: true }))
    await rename(temporary, file)
    await flushFolder(dirname(file))
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {})
    throw error instanceof RefdepotError ? error : new StorageWriteFailed(file, error)
  }
}

async function* bytesOf<M extends TarMember>(
  members: readonly M[],
  changed: (member: M) => Error,
): AsyncGenerator<Uint8Array> {
  for (const member of members) {
    const { path, size, sha256, executable = false } = member
    yield tarHeader({ path, type: 'file', size, executable })
    const hash = createHash('sha256')
    let length = 0
    try {
      for await (const chunk of member.content()) {
        length += chunk.length
        hash.update(chunk)
        // What is too long is told below.
        if (length > size) break
        yield chunk
      }
    } catch (error) {
      // It was there before: gone is changed too.
      throw error instanceof RefdepotError ? error : changed(member)
    }
    if (length !== size || hash.digest('hex') !== sha256) throw changed(member)
    yield Buffer.alloc(paddingOf(size))
  }
  yield Buffer.alloc(TAR_END_LENGTH)
}
