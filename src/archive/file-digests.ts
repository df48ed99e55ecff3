/** Computes md5 and sha256 of a file in one pass. */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'

/** Both digests of a file (lowercase hex) and the bytes they were computed of. */
export interface FileDigests {
  readonly md5: string
  readonly sha256: string
  readonly size: number
}

/**
 * Reads a file once and answers its digests; memory does not grow with the file.
 *
 * @param onBytes - told while it is read: bytes more
 */
export async function fileDigests(
  path: string,
  onBytes: (bytes: number) => void = () => {},
): Promise<FileDigests> {
  const md5 = createHash('md5')
  const sha256 = createHash('sha256')
  let size = 0
  for await (const chunk of createReadStream(path, { highWaterMark: 1024 * 1024 })) {
    md5.update(chunk)
    sha256.update(chunk)
    size += chunk.length
    onBytes(chunk.length)
  }
  return { md5: md5.digest('hex'), sha256: sha256.digest('hex'), size }
}
