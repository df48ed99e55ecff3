/** Unpacks an archive of another tool without keeping it: where the disk has no room for both. */
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { PassThrough } from 'node:stream'
import { RefdepotError } from '../domain/errors.ts'
import { DigestMismatch } from '../domain/transfer-errors.ts'
import { extractTar } from './extract-tar.ts'
import { fetchInOrder } from './ordered-parts.ts'
import { comparedDigest } from './remote-file.ts'
import type { TransferSummary } from './transfer-options.ts'
import type { ForeignOrder } from './unpack-foreign.ts'

/**
 * Unpacks an archive as it comes and compares it as a whole. One that is wrong is thrown away and fetched again, from each place alone: nobody can tell whose
 * bytes were wrong.
 *
 * @throws as {@link unpackArchive}
 */
export async function unpackStream(order: ForeignOrder): Promise<TransferSummary> {
  const { file, options } = order
  const { subject, urls } = file
  let mismatch: unknown
  for (const tried of [file, ...urls.map(url => ({ ...file, urls: [url] }))]) {
    try {
      return await unpackOnce({ ...order, file: tried })
    } catch (error) {
      if (!(error instanceof DigestMismatch)) throw error
      mismatch = error
      const { message: reason } = error
      options.onEvent?.({ event: 'retried', subject, bytes: file.size, reason })
    }
  }
  throw mismatch
}

/** Leaves nothing of an archive that is wrong. */
async function unpackOnce({
  file,
  folder,
  options,
  ...rest
}: ForeignOrder): Promise<TransferSummary> {
  await rm(folder, { recursive: true, force: true })
  const { algorithm, expected } = comparedDigest(file)
  const { subject } = file
  const hash = createHash(algorithm)
  const packed = new PassThrough({ highWaterMark: 1024 * 1024 })
  // Who reads it learns of the error from the promise.
  packed.on('error', () => {})
  // Then nothing drains it any more.
  const closed = new AbortController()
  packed.on('close', () => closed.abort())
  const stop = new AbortController()
  const signal = AbortSignal.any([stop.signal, ...(options.signal ? [options.signal] : [])])
  const fed = fetchInOrder(file, { ...options, signal }, async bytes => {
    hash.update(bytes)
    // The bytes belong to somebody else soon.
    if (!packed.write(Buffer.from(bytes))) await once(packed, 'drain', { signal: closed.signal })
  })
  fed.then(
    () => packed.end(),
    error => packed.destroy(error),
  )
  const extracted = extractTar(packed, { ...rest, folder, subject })
  extracted.catch(error => stop.abort(error))
  try {
    const [cost] = await Promise.all([fed, extracted])
    const actual = hash.digest('hex')
    if (actual === expected) return { ...cost, resumed: 0 }
    const reason = `what arrived has the digest ${actual}, not ${expected}`
    throw new DigestMismatch(`${subject} is damaged: ${reason}`)
  } catch (error) {
    const [, unpacked] = await Promise.allSettled([fed, extracted])
    await rm(folder, { recursive: true, force: true })
    options.signal?.throwIfAborted()
    // What cannot be unpacked breaks the feeding, too, and that may end first: only who unpacks knows what it was.
    if (error instanceof RefdepotError || unpacked.status === 'fulfilled') throw error
    throw unpacked.reason
  }
}
