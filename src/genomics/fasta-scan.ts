/**
 * Scans a FASTA file in one pass: where its sequences are, and their digests.
 *
 * Positions follow `samtools faidx` (htslib 1.16, `fai_build_core`), digests GA4GH refget 2.0. What samtools would refuse
 * to index is told as a problem; the digests are there all the same.
 */
import { HeaderName } from './fasta-header.ts'
import { countBases, LineLayout } from './line-layout.ts'
import { type RefgetDigests, RefgetHasher } from './refget-digests.ts'
import { sequenceCollectionDigest } from './sequence-collection.ts'

/** One sequence of a FASTA file: what a `.fai` says of it, and its refget digests. */
export interface FastaSequence extends RefgetDigests {
  /** The first word behind `>`, as C's `isspace` cuts it. */
  readonly name: string
  /** Characters of the sequence that C's `isgraph` takes, what a `.fai` counts. */
  readonly length: number
  /** Byte of the first base, 0-based; exact beyond 4 GiB. */
  readonly offset: number
  /** Characters of the first line; 0 without lines. */
  readonly lineBases: number
  /** Bytes of the first line with its line end; 0 without lines. */
  readonly lineWidth: number
}

/** What is known of a FASTA file. */
export interface FastaFacts {
  /** In the order of the file, with empty sequences and names that come twice. */
  readonly sequences: readonly FastaSequence[]
  /** Level-0 digest of the sequence collection (GA4GH seqcol 1.0). */
  readonly sequenceCollection: string
  /** Why there is no true `.fai` of the file, with line number (from 1) and sequence; undefined when there is one. */
  readonly faiProblem?: string
}

const LINE_FEED = 10
const CARRIAGE_RETURN = 13
const HEADER = 62

/**
 * Takes a FASTA file piece by piece; pieces may end anywhere and their memory may be used again. Never throws for what is
 * in the file, and memory grows with the number of sequences only.
 */
export class FastaScan {
  readonly #sequences: FastaSequence[] = []
  readonly #names = new Set<string>()
  readonly #hasher = new RefgetHasher()
  #problem: string | undefined
  #open: { readonly name: string; readonly offset: number; readonly lines: LineLayout } | undefined
  #position = 0
  // The line that is being read, from 1; a piece may have ended within it.
  #line = 1
  #header: HeaderName | undefined
  #first = 0
  #bases = 0
  #width = 0

  /** The next bytes of the file. */
  write(chunk: Buffer): void {
    for (let at = 0; at < chunk.length; ) {
      const found = chunk.indexOf(LINE_FEED, at)
      const end = found === -1 ? chunk.length : found
      if (end > at) this.#addToLine(chunk, at, end)
      if (found !== -1) {
        this.#width += 1
        this.#position += 1
        this.#endLine(true)
      }
      at = end + 1
    }
  }

  /** What was found; nothing can be added any more. */
  end(): FastaFacts {
    if (this.#header !== undefined) {
      const { name } = this.#header.finish()
      this.#report('ends within a header', name)
      this.#openSequence(name)
    } else if (this.#width > 0) {
      // htslib counts the line end that is missing behind the last line.
      this.#width += 1
      this.#endLine(false)
    }
    this.#closeSequence()
    const sequences = this.#sequences
    const last = sequences.at(-1)
    if (last === undefined || last.lineWidth === 0) {
      this.#report('ends without a sequence', last?.name)
    }
    return {
      sequences,
      sequenceCollection: sequenceCollectionDigest(sequences),
      ...(this.#problem !== undefined && { faiProblem: this.#problem }),
    }
  }

  #addToLine(chunk: Buffer, start: number, end: number): void {
    if (this.#width === 0) {
      this.#first = chunk[start] as number
      if (this.#first === HEADER) this.#header = new HeaderName()
    }
    if (this.#header !== undefined) {
      this.#header.add(chunk, this.#width === 0 ? start + 1 : start, end)
    } else if (this.#open !== undefined) {
      this.#addBases(chunk, start, end)
    }
    this.#width += end - start
    this.#position += end - start
  }

  #addBases(chunk: Buffer, start: number, end: number): void {
    const letters = this.#hasher.add(chunk, start, end)
    // Letters are bases; only a piece with something else is counted again, and not for the CR of a CRLF.
    const text = chunk[end - 1] === CARRIAGE_RETURN ? end - 1 : end
    this.#bases += letters === text - start ? letters : countBases(chunk, start, end)
  }

  #endLine(terminated: boolean): void {
    if (this.#header !== undefined) {
      const { name, problem } = this.#header.finish()
      if (problem !== undefined) this.#report(problem, name)
      this.#openSequence(name)
      this.#header = undefined
    } else {
      this.#endSequenceLine(terminated && this.#width === 2 && this.#first === CARRIAGE_RETURN)
    }
    this.#bases = 0
    this.#width = 0
    this.#line += 1
  }

  #endSequenceLine(onlyReturn: boolean): void {
    if (this.#open !== undefined) {
      const problem = this.#open.lines.add(this.#bases, this.#width, onlyReturn)
      if (problem !== undefined) this.#report(problem, this.#open.name)
    } else if (this.#width > 1 && !onlyReturn) {
      this.#report('has text before the first sequence')
    }
  }

  #openSequence(name: string): void {
    this.#closeSequence()
    this.#open = { name, offset: this.#position, lines: new LineLayout() }
    // samtools indexes the first one only, with a warning: the others could not be reached.
    if (this.#names.has(name)) this.#report('names a sequence twice', name)
    this.#names.add(name)
  }

  #closeSequence(): void {
    if (this.#open === undefined) return
    const { name, offset, lines } = this.#open
    this.#open = undefined
    const { length, lineBases, lineWidth } = lines
    this.#sequences.push({ name, length, offset, lineBases, lineWidth, ...this.#hasher.finish() })
  }

  /** Keeps the first problem: the others mostly follow from it. */
  #report(problem: string, sequence = ''): void {
    const shown = sequence === '' ? '' : ` (sequence '${shorten(sequence)}')`
    this.#problem ??= `line ${this.#line} ${problem}${shown}`
  }
}

const SHOWN_NAME = 100

/** A name as a message can hold it. */
function shorten(name: string): string {
  return name.length <= SHOWN_NAME ? name : `${name.slice(0, SHOWN_NAME)}…`
}
