/** The name in a FASTA header. */

/**
 * Longest name that is kept, in bytes. htslib reads a `.fai` in lines below 64 KiB (`fai_read` in faidx.c); what is left
 * of that here is room for the four numbers of the line. It also bounds memory for files that only look like FASTA.
 */
export const NAME_LIMIT = 0x10000 - 128

/** C's `isspace` in the C locale, by which samtools ends a name: not JavaScript's `\s`, which takes U+00A0 too. */
function isSpace(byte: number): boolean {
  return byte === 32 || (byte >= 9 && byte <= 13)
}

/**
 * Takes what stands behind the `>` of one header line, in pieces that may end anywhere, and keeps its first word only:
 * blanks before it are passed over (htslib 1.16, `fai_build_core`).
 */
export class HeaderName {
  readonly #parts: Buffer[] = []
  #length = 0
  #ended = false
  #cut = false

  /** The next bytes of the line, `start` to `end` of `bytes` (0-based, half-open), without the line end. */
  add(bytes: Buffer, start: number, end: number): void {
    if (this.#ended) return
    let from = start
    if (this.#length === 0) while (from < end && isSpace(bytes[from] as number)) from += 1
    let to = from
    while (to < end && !isSpace(bytes[to] as number)) to += 1
    this.#ended = to < end
    this.#keep(bytes.subarray(from, to))
  }

  /** The name, and why no `.fai` line can be written for it: words that follow 'line 3 ', undefined when one can. */
  finish(): { name: string; problem: string | undefined } {
    const [only] = this.#parts
    const bytes = only !== undefined && this.#parts.length === 1 ? only : Buffer.concat(this.#parts)
    const name = bytes.toString('utf8')
    return { name, problem: this.#problemOf(name, bytes) }
  }

  #problemOf(name: string, bytes: Buffer): string | undefined {
    if (name === '') return 'has a sequence without name'
    if (this.#cut) return `has a name of more than ${NAME_LIMIT} bytes`
    // C ends a text there: samtools would write another name.
    if (name.includes('\0')) return 'has a name with a NUL byte'
    // What is not UTF-8 is read as U+FFFD: only then must the bytes be compared.
    const faithful = !name.includes('\ufffd') || Buffer.from(name).equals(bytes)
    return faithful ? undefined : 'has a name that is not UTF-8'
  }

  #keep(word: Buffer): void {
    const kept = Math.min(word.length, NAME_LIMIT - this.#length)
    if (kept < word.length) this.#cut = true
    // The memory of a piece may be used again by the caller: what is kept must be copied.
    if (kept > 0) this.#parts.push(Buffer.from(word.subarray(0, kept)))
    this.#length += kept
  }
}
