/** Content in memory as an object of a store. */
import { Readable } from 'node:stream'
import type { Identity, StoredObject } from './store.ts'

/** An opened object whose bytes are here already. */
export function memoryObject(
  key: string,
  content: Buffer,
  { modifiedMs, inode }: Omit<Identity, 'size'>,
): StoredObject {
  return {
    key,
    size: content.length,
    modifiedMs,
    inode,
    stream: ({ start, end }) =>
      Readable.from([content.subarray(start, end)], { objectMode: false }),
    bytes: async ({ start, end }) => content.subarray(start, end),
    close: async () => {},
  }
}
