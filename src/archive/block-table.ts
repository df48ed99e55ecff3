/** Where the blocks of a file lie, found in the index without counting from its begin, and kept as long as the index is. */
import type { IndexFile } from './member-index.ts'

// Every so many blocks the offset is written down; it is counted on from there. All offsets would take four times as much as the index.
const STRIDE = 64

const tables = new WeakMap<IndexFile, BlockTable>()

/** The table of a file; made once for an index that is kept. */
export function blockTable(file: IndexFile): BlockTable {
  const known = tables.get(file)
  if (known !== undefined) return known
  const table = new BlockTable(file)
  tables.set(file, table)
  return table
}

/** Where the blocks of one file lie in its archive. */
class BlockTable {
  readonly #sizes: Buffer
  readonly #marks: Float64Array

  constructor(file: IndexFile) {
    this.#sizes = Buffer.from(file.blocks, 'base64')
    const count = this.#sizes.length / 2
    this.#marks = new Float64Array(Math.floor(count / STRIDE) + 1)
    let at = file.start
    for (let i = 0; i <= count; i += 1) {
      if (i % STRIDE === 0) this.#marks[i / STRIDE] = at
      if (i < count) at += this.#sizeOf(i)
    }
  }

  /** Where block `i` begins; with the number of blocks, where the last one ends. */
  offsetOf(i: number): number {
    const mark = Math.floor(i / STRIDE)
    let at = this.#marks[mark] as number
    for (let k = mark * STRIDE; k < i; k += 1) at += this.#sizeOf(k)
    return at
  }

  #sizeOf(i: number): number {
    return this.#sizes.readUInt16LE(i * 2) + 1
  }
}
