/** Reads a large object whole: the next parts come on connections of their own while one is worked on. */
import type { ByteRange, StoredObject } from './store.ts'

/** Bytes of a part. */
export const READ_PART = 8 * 1024 * 1024

// Parts under way; each is in memory.
const AHEAD = 3

/**
 * The bytes of an object in their order, in parts that nobody else uses. The object is closed at the end, also when the rest is not wanted.
 * Throws what reading throws; parts that come after a failure are left unused.
 */
export async function* readAhead(object: StoredObject): AsyncGenerator<Buffer> {
  const under: Promise<Buffer>[] = []
  let next = 0
  const begin = () => {
    const range: ByteRange = { start: next, end: Math.min(next + READ_PART, object.size) }
    next = range.end
    const part = object.bytes(range)
    // It is waited for in its turn; until then a failure is nobody's.
    part.catch(() => {})
    under.push(part)
  }
  try {
    while (next < object.size || under.length > 0) {
      while (next < object.size && under.length < AHEAD) begin()
      yield await (under.shift() as Promise<Buffer>)
    }
  } finally {
    await Promise.allSettled(under)
    await object.close()
  }
}
