/**
 * The digest by which refgenie 0.x names a genome: 48 hex characters over the sequences of its FASTA file
 * (refgenconf 0.13 `fasta_seqcol_digest`; reference §10.1).
 *
 * Headers count whole, with every `>` taken out, and letters keep their case: another description or soft-masking is another genome.
 */
import { createHash, type Hash } from 'node:crypto'

const LINE_FEED = 10
const CARRIAGE_RETURN = 13
const HEADER = 62

/** First 24 bytes of SHA-512 in hex. */
function trunc512(text: string): string {
  return createHash('sha512').update(text).digest('hex').slice(0, 48)
}

/** Takes a FASTA file piece by piece; memory grows with the number of sequences only. */
export class GenomeDigest {
  readonly #items: string[] = []
  #name: Buffer[] = []
  #sequence: Hash = createHash('sha512')
  #length = 0
  /** True once a line was seen that is no header: headers before it are forgotten (as the peer does). */
  #begun = false
  #line: 'start' | 'header' | 'sequence' = 'start'
  #afterReturn = false

  /** The next bytes of the file; pieces may end anywhere. */
  write(chunk: Buffer): void {
    for (let at = 0; at < chunk.length; ) {
      const byte = chunk[at] as number
      if (byte === LINE_FEED && this.#afterReturn) {
        this.#afterReturn = false
        at += 1
      } else if (byte === LINE_FEED || byte === CARRIAGE_RETURN) {
        this.#endLine()
        this.#afterReturn = byte === CARRIAGE_RETURN
        at += 1
      } else {
        this.#afterReturn = false
        at = this.#take(chunk, at)
      }
    }
  }

  /** The digest of what was written. */
  end(): string {
    this.#close()
    return trunc512(this.#items.join(','))
  }

  /** Takes the rest of a line and answers where it ends. */
  #take(chunk: Buffer, from: number): number {
    if (this.#line === 'start') this.#beginLine(chunk[from] === HEADER)
    let to = from
    while (to < chunk.length && chunk[to] !== LINE_FEED && chunk[to] !== CARRIAGE_RETURN) to += 1
    const part = chunk.subarray(from, to)
    if (this.#line === 'header') this.#name.push(Buffer.from(part))
    else {
      this.#sequence.update(part)
      this.#length += charactersIn(part)
    }
    return to
  }

  #beginLine(isHeader: boolean): void {
    this.#line = isHeader ? 'header' : 'sequence'
    if (!isHeader) {
      this.#begun = true
      return
    }
    if (this.#begun) this.#close()
    this.#name = []
  }

  #endLine(): void {
    if (this.#line === 'start') this.#begun = true
    this.#line = 'start'
  }

  #close(): void {
    const name = Buffer.concat(this.#name).toString('utf8').replaceAll('>', '')
    const sequence = this.#sequence.digest('hex').slice(0, 48)
    this.#items.push(trunc512(`${name}>${this.#length}>${sequence}`))
    this.#sequence = createHash('sha512')
    this.#length = 0
  }
}

/** Characters of a text in UTF-8: every byte but those that continue one. */
function charactersIn(bytes: Buffer): number {
  let count = 0
  for (let i = 0; i < bytes.length; i += 1) if (((bytes[i] as number) & 0xc0) !== 0x80) count += 1
  return count
}
