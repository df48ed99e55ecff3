/** SHA-256 of bytes in memory, on a thread of its own: what is large would hold up everything else. */
import { webcrypto } from 'node:crypto'

/** The digest of some bytes; they must not change meanwhile. */
export async function sha256Of(bytes: Uint8Array): Promise<Buffer> {
  return Buffer.from(await webcrypto.subtle.digest('SHA-256', bytes))
}
