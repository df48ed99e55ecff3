/** The rule by which a `.fai` finds a base: all lines of a sequence have one width. */

/** Widths stand in 32 bits in htslib (`faidx1_t`); samtools would write the rest of a division for wider lines. */
const WIDEST_LINE = 0xffff_ffff

/**
 * Follows the lines of one sequence as `fai_build_core` of htslib 1.16 does. It compares bytes with line ends, not bases:
 * every line has the width of the first one; a shorter or an empty line ends the sequence, and only empty lines may follow.
 */
export class LineLayout {
  /** Bases of the sequence so far, in characters that C's `isgraph` takes. */
  length = 0
  /** Bases and bytes of the first line, bytes with the line end; 0 while there is none. */
  lineBases = 0
  lineWidth = 0
  #ended: 'by an empty line' | 'by a shorter line' | undefined

  /**
   * The next line: its bases, its bytes with the line end (as if it had one at the end of the file), and whether it is a
   * carriage return and a line feed and nothing else. Answers why samtools would refuse it, in words that follow 'line 3 '.
   */
  add(bases: number, width: number, onlyReturn: boolean): string | undefined {
    if (width === 1) {
      this.#ended ??= 'by an empty line'
      return undefined
    }
    if (this.#ended !== undefined && onlyReturn) return undefined
    this.length += bases
    if (this.#ended !== undefined) return `follows the end of the sequence ${this.#ended}`
    if (this.lineWidth === 0) return this.#first(bases, width)
    if (width > this.lineWidth) return 'is longer than the lines before it'
    if (width < this.lineWidth) this.#ended = 'by a shorter line'
    return undefined
  }

  #first(bases: number, width: number): string | undefined {
    this.lineBases = bases
    this.lineWidth = width
    return width > WIDEST_LINE ? 'is longer than an index can say' : undefined
  }
}

/** Whether bytes are C's `isgraph`, 1 or 0: htslib counts these as bases, whatever they are. */
const PRINTABLE = Uint8Array.from({ length: 256 }, (_, byte) => (byte > 32 && byte < 127 ? 1 : 0))

/** Counts the bytes from `start` to `end` (0-based, half-open) that htslib takes for bases. */
export function countBases(bytes: Buffer, start: number, end: number): number {
  let count = 0
  for (let i = start; i < end; i += 1) count += PRINTABLE[bytes[i] as number] as number
  return count
}
