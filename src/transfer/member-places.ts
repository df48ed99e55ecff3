/** Where the blocks of files lie in an archive, seen from ranges of the archive. */
import { BLOCK_PLAIN } from '../archive/block-gzip.ts'
import { blockOffsets, type IndexFile } from '../archive/member-index.ts'
import { PART_SIZE, type Part } from './part-plan.ts'

/** Blocks of one file that follow each other. */
export interface BlockRun {
  readonly file: IndexFile
  /** Where each block begins in the archive, with the end of the last one. */
  readonly offsets: Float64Array
  /** Byte of the file where the first block's bytes go. */
  readonly position: number
}

/** Finds blocks by place. Only the files it is given exist for it. */
export class MemberPlaces {
  readonly #files: readonly IndexFile[]
  /** The offsets that were asked for last: archives are read in order. */
  readonly #offsets = new Map<IndexFile, Float64Array>()

  /** @param files - in any order */
  constructor(files: readonly IndexFile[]) {
    this.#files = files.filter(({ size }) => size > 0).sort((a, b) => a.start - b.start)
  }

  /** The blocks that lie wholly in a range of the archive. */
  within(start: number, end: number): BlockRun[] {
    const runs: BlockRun[] = []
    for (let i = this.#firstAfter(start); i < this.#files.length; i += 1) {
      const file = this.#files[i] as IndexFile
      if (file.start >= end) break
      const offsets = this.#offsetsOf(file)
      const first = firstAtLeast(offsets, start)
      const last = firstAtLeast(offsets, end + 1) - 1
      if (last <= first) continue
      const position = first * BLOCK_PLAIN
      runs.push({ file, offsets: offsets.subarray(first, last + 1), position })
    }
    return runs
  }

  /** The block that lies on both sides of a byte of the archive. */
  across(at: number): BlockRun | undefined {
    const file = this.#files[this.#firstAfter(at)]
    if (file === undefined || file.start >= at) return undefined
    const offsets = this.#offsetsOf(file)
    const next = firstAtLeast(offsets, at)
    if (offsets[next] === at) return undefined
    const position = (next - 1) * BLOCK_PLAIN
    return { file, offsets: offsets.subarray(next - 1, next + 1), position }
  }

  /** Parts that hold the blocks of all files and nothing else, each with whole blocks. */
  parts(): Part[] {
    const parts: Part[] = []
    for (const file of this.#files) {
      const offsets = this.#offsetsOf(file)
      for (let start = file.start; start < file.end; ) {
        const next = firstAtLeast(offsets, start + PART_SIZE + 1) - 1
        const end = offsets[Math.min(next, offsets.length - 1)] as number
        parts.push({ number: parts.length, start, end })
        start = end
      }
    }
    return parts
  }

  #offsetsOf(file: IndexFile): Float64Array {
    const known = this.#offsets.get(file)
    if (known !== undefined) return known
    const offsets = blockOffsets(file)
    if (this.#offsets.size >= KEPT) this.#offsets.clear()
    this.#offsets.set(file, offsets)
    return offsets
  }

  /** The first file that ends behind a byte. */
  #firstAfter(at: number): number {
    let low = 0
    let high = this.#files.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#files[middle] as IndexFile).end > at) high = middle
      else low = middle + 1
    }
    return low
  }
}

const KEPT = 64

/** Index of the first offset that is not below a number; the length when all are. */
function firstAtLeast(offsets: Float64Array, wanted: number): number {
  let low = 0
  let high = offsets.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((offsets[middle] as number) >= wanted) high = middle
    else low = middle + 1
  }
  return low
}
