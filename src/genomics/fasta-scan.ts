/**
 * Scans a FASTA file in one pass: where its sequences are, and their digests.
 *
 * Positions follow `samtools faidx` (htslib), digests GA4GH refget 2.0: only letters count, in upper case. What samtools would
 * refuse to index is told as a problem; the digests are there all the same.
 */
import { createHash, type Hash } from 'node:crypto'
import { sequenceCollectionDigest } from './sequence-collection.ts'

/** One sequence of a FASTA file. */
export interface FastaSequence {
  /** The first word behind `>`. */
  readonly name: string
  /** Printable characters of the sequence, what a `.fai` counts. */
  readonly length: number
  /** Byte of the first base, 0-based. */
  readonly offset: number
  /** Characters and bytes of a full line. */
  readonly lineBases: number
  readonly lineWidth: number
  /** Letters only, what refget counts. */
  readonly refgetLength: number
  /** refget md5, hex. */
  readonly md5: string
  /** refget sha512t24u: the first 24 bytes of SHA-512 in base64url, without `SQ.`. */
  readonly sha512t24u: string
}

/** What is known of a FASTA file. */
export interface FastaFacts {
  readonly sequences: readonly FastaSequence[]
  /** Level-0 digest of the sequence collection (GA4GH seqcol 1.0). */
  readonly sequenceCollection: string
  /** Why `samtools faidx` cannot index the file; undefined when it can. */
  readonly faiProblem?: string
}

const NEWLINE = 10
const HEADER = 62

/** Letters in upper case, 0 for every other byte. */
const LETTERS = Uint8Array.from({ length: 256 }, (_, byte) => {
  const upper = byte >= 97 && byte <= 122 ? byte - 32 : byte
  return upper >= 65 && upper <= 90 ? upper : 0
})

/** A sequence while it is being read. */
class OpenSequence {
  readonly name: string
  readonly offset: number
  readonly md5: Hash = createHash('md5')
  readonly sha512: Hash = createHash('sha512')
  length = 0
  letters = 0
  lineBases = 0
  lineWidth = 0
  /** A line that is shorter than the first one, or empty, must be the last one. */
  ended = false

  constructor(name: string, offset: number) {
    this.name = name
    this.offset = offset
  }
}

/** Takes a FASTA file piece by piece; pieces may end anywhere. */
export class FastaScan {
  readonly #sequences: FastaSequence[] = []
  readonly #names = new Set<string>()
  #problem: string | undefined
  #open: OpenSequence | undefined
  #letters = Buffer.alloc(0)
  #filled = 0
  #position = 0
  #lineNumber = 1
  // The line that is being read, when a piece has ended within it.
  #header: Buffer[] | undefined
  #bases = 0
  #width = 0

  /** The next bytes of the file. */
  write(chunk: Buffer): void {
    // Letters of a piece are collected and hashed at once: hashing each line costs far more.
    if (this.#letters.length < chunk.length) this.#letters = Buffer.allocUnsafe(chunk.length)
    for (let at = 0; at < chunk.length; ) {
      const found = chunk.indexOf(NEWLINE, at)
      const end = found === -1 ? chunk.length : found
      if (this.#header !== undefined || (this.#width === 0 && chunk[at] === HEADER)) {
        this.#addHeader(chunk.subarray(at, end))
      } else {
        this.#addBases(chunk, at, end)
      }
      this.#position += end - at
      if (found !== -1) {
        this.#position += 1
        this.#width += 1
        this.#endLine()
      }
      at = end + 1
    }
    this.#hash()
  }

  /** What was found; nothing can be added any more. */
  end(): FastaFacts {
    const unfinished = this.#width > 0 || this.#header !== undefined
    if (this.#header !== undefined) this.#report('ends within a header', this.#headerName())
    // htslib counts the line end that is missing behind the last line.
    if (unfinished) {
      this.#width += 1
      this.#endLine()
    }
    this.#closeSequence()
    const sequences = this.#sequences
    if ((sequences.at(-1)?.lineWidth ?? 0) === 0) this.#report('ends without a sequence')
    return {
      sequences,
      sequenceCollection: sequenceCollectionDigest(sequences),
      ...(this.#problem !== undefined && { faiProblem: this.#problem }),
    }
  }

  #addHeader(part: Buffer): void {
    if (this.#header === undefined) {
      this.#closeSequence()
      this.#header = []
    }
    // The memory of a piece is used again: what is kept must be copied.
    this.#header.push(Buffer.from(part))
    this.#width += part.length
  }

  #addBases(chunk: Buffer, start: number, end: number): void {
    const letters = this.#letters
    let filled = this.#filled
    const before = filled
    for (let i = start; i < end; i += 1) {
      const letter = LETTERS[chunk[i] as number] as number
      letters[filled] = letter
      if (letter !== 0) filled += 1
    }
    this.#filled = filled
    const found = filled - before
    this.#width += end - start
    this.#bases += found === end - start ? found : printable(chunk, start, end)
    if (this.#open !== undefined) this.#open.letters += found
    else this.#filled = before
  }

  #endLine(): void {
    if (this.#header !== undefined) this.#openSequence()
    else this.#endSequenceLine()
    this.#bases = 0
    this.#width = 0
    this.#lineNumber += 1
  }

  #openSequence(): void {
    const name = this.#headerName()
    this.#header = undefined
    this.#open = new OpenSequence(name, this.#position)
    if (name === '') this.#report('has a sequence without name')
    if (this.#names.has(name)) this.#report('names a sequence twice', name)
    this.#names.add(name)
  }

  #headerName(): string {
    const text = Buffer.concat(this.#header as Buffer[]).toString('utf8')
    return text.slice(1).trimStart().split(/\s/, 1)[0] as string
  }

  #endSequenceLine(): void {
    const open = this.#open
    const blank = this.#width <= 1
    if (open === undefined) {
      if (!blank) this.#report('has text before the first sequence')
    } else if (blank) {
      // htslib: an empty line ends a sequence.
      open.ended = true
    } else if (!(open.ended && this.#bases === 0 && this.#width === 2)) {
      this.#measureLine(open)
    }
  }

  /** All lines have the bytes of the first one, but the last may have fewer (htslib compares bytes, not bases). */
  #measureLine(open: OpenSequence): void {
    open.length += this.#bases
    if (open.ended || (open.lineWidth > 0 && this.#width > open.lineWidth)) {
      this.#report('has lines of different length', open.name)
    } else if (open.lineWidth === 0) {
      open.lineBases = this.#bases
      open.lineWidth = this.#width
    } else if (this.#width < open.lineWidth) {
      open.ended = true
    }
  }

  /** Gives the letters that were collected to the hashes of the open sequence. */
  #hash(): void {
    if (this.#filled > 0 && this.#open !== undefined) {
      const letters = this.#letters.subarray(0, this.#filled)
      this.#open.md5.update(letters)
      this.#open.sha512.update(letters)
    }
    this.#filled = 0
  }

  #closeSequence(): void {
    this.#hash()
    const open = this.#open
    if (open === undefined) return
    this.#open = undefined
    this.#sequences.push({
      name: open.name,
      length: open.length,
      offset: open.offset,
      lineBases: open.lineBases,
      lineWidth: open.lineWidth,
      refgetLength: open.letters,
      md5: open.md5.digest('hex'),
      sha512t24u: open.sha512.digest().subarray(0, 24).toString('base64url'),
    })
  }

  /** Keeps the first problem: the others mostly follow from it. */
  #report(problem: string, sequence?: string): void {
    const where = sequence === undefined ? '' : ` (sequence '${sequence}')`
    this.#problem ??= `line ${this.#lineNumber} ${problem}${where}`
  }
}

/** Characters that C's `isgraph` takes: htslib counts them as bases. */
function printable(chunk: Buffer, start: number, end: number): number {
  let count = 0
  for (let i = start; i < end; i += 1) {
    const byte = chunk[i] as number
    if (byte > 32 && byte < 127) count += 1
  }
  return count
}
