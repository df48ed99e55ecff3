/** The digest of a whole file. */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { StorageFailed } from '../domain/errors.ts'

/** Digests that files are compared by. */
export type HashAlgorithm = 'md5' | 'sha256'

/** The digest of a file in hex. Throws StorageFailed. */
export async function hashFile(
  path: string,
  algorithm: HashAlgorithm,
  onHashed?: (bytes: number) => void,
): Promise<string> {
  const hash = createHash(algorithm)
  try {
    for await (const chunk of createReadStream(path, { highWaterMark: 256 * 1024 })) {
      hash.update(chunk)
      onHashed?.(chunk.length)
    }
  } catch (error) {
    throw new StorageFailed(path, error)
  }
  return hash.digest('hex')
}
