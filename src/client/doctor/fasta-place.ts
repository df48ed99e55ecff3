/** Where a place of a FASTA file lies in its bytes, by `.fai` and `.gzi` (samtools faidx(5), bgzip(1)). */

/** A sequence as its line in a `.fai` tells it. */
export interface IndexedSequence {
  readonly name: string
  /** Bases. */
  readonly length: number
  /** Of its first base, in bytes of the plain file. */
  readonly offset: number
  readonly lineBases: number
  readonly lineBytes: number
}

/** A block of block gzip: where it begins in the packed and in the plain file. */
export interface Block {
  readonly packed: number
  readonly plain: number
}

/** Some bases in the middle of the longest sequence: what a user would look at. */
export interface Place {
  readonly sequence: IndexedSequence
  /** 0-based, half open. */
  readonly start: number
  readonly end: number
}

const SHOWN_BASES = 61

/** The place that is looked at; undefined when the text is no `.fai`. */
export function placeIn(fai: Buffer): Place | undefined {
  const sequences = fai
    .toString('utf8')
    .split('\n')
    .flatMap(line => sequenceOf(line))
  const [first] = sequences
  if (first === undefined) return undefined
  const sequence = sequences.reduce((one, other) => (other.length > one.length ? other : one))
  const start = Math.floor(sequence.length / 2)
  return { sequence, start, end: Math.min(sequence.length, start + SHOWN_BASES) }
}

function sequenceOf(line: string): IndexedSequence[] {
  const [name = '', ...fields] = line.split('\t')
  const numbers = fields.map(Number)
  const [length = 0, offset = -1, lineBases = 0, lineBytes = 0] = numbers
  const right = numbers.every(Number.isSafeInteger) && length > 0 && offset >= 0
  return right && lineBases > 0 && lineBytes >= lineBases
    ? [{ name, length, offset, lineBases, lineBytes }]
    : []
}

/** As samtools and browsers write it. */
export function shownPlace({ sequence, start, end }: Place): string {
  return `${sequence.name}:${start + 1}-${end}`
}

/** Offset of a base (0-based) in the plain file. */
export function offsetOf(sequence: IndexedSequence, base: number): number {
  const { offset, lineBases, lineBytes } = sequence
  return offset + Math.floor(base / lineBases) * lineBytes + (base % lineBases)
}

/** The blocks of a `.gzi`, with the first one, which is not in the file; undefined when it is none. */
export function blocksIn(gzi: Buffer): readonly Block[] | undefined {
  if (gzi.length < 8) return undefined
  const count = Number(gzi.readBigUInt64LE(0))
  if (gzi.length !== 8 + count * 16) return undefined
  const at = (index: number) => Number(gzi.readBigUInt64LE(8 + index * 8))
  const rest = Array.from({ length: count }, (_, i) => ({
    packed: at(2 * i),
    plain: at(2 * i + 1),
  }))
  return [{ packed: 0, plain: 0 }, ...rest]
}

/** Index of the block that holds an offset of the plain file. */
export function blockWith(blocks: readonly Block[], offset: number): number {
  return blocks.findLastIndex(({ plain }) => plain <= offset)
}
