/** The digests of a sequence by GA4GH refget Sequences 2.0. */
import { createHash } from 'node:crypto'

/** What refget says of a sequence: of its letters only, in upper case. */
export interface RefgetDigests {
  /** Letters of the sequence. */
  readonly refgetLength: number
  /** MD5, lowercase hex. */
  readonly md5: string
  /** The first 24 bytes of SHA-512 in base64url, without `SQ.`. */
  readonly sha512t24u: string
}

/** Letters are collected to pieces of this many bytes: hashing each line costs far more. */
const PIECE = 256 * 1024

/** Letters in upper case, 0 for every other byte. */
const LETTERS = Uint8Array.from({ length: 256 }, (_, byte) => {
  const upper = byte >= 97 && byte <= 122 ? byte - 32 : byte
  return upper >= 65 && upper <= 90 ? upper : 0
})

/** Computes the digests of one sequence after another; memory does not grow with them. */
export class RefgetHasher {
  readonly #letters = Buffer.allocUnsafe(PIECE)
  #filled = 0
  #hashed = 0
  #md5 = createHash('md5')
  #sha512 = createHash('sha512')

  /** Takes the bytes from `start` to `end` (0-based, half-open) and answers how many of them are letters. */
  add(bytes: Buffer, start: number, end: number): number {
    const before = this.#hashed + this.#filled
    for (let at = start; at < end; ) {
      if (this.#filled === PIECE) this.#hash()
      const stop = Math.min(end, at + PIECE - this.#filled)
      this.#collect(bytes, at, stop)
      at = stop
    }
    return this.#hashed + this.#filled - before
  }

  /** The digests of what was added since the last call; what comes next is another sequence. */
  finish(): RefgetDigests {
    this.#hash()
    const refgetLength = this.#hashed
    const md5 = this.#md5.digest('hex')
    const sha512t24u = this.#sha512.digest().subarray(0, 24).toString('base64url')
    this.#hashed = 0
    this.#md5 = createHash('md5')
    this.#sha512 = createHash('sha512')
    return { refgetLength, md5, sha512t24u }
  }

  #collect(bytes: Buffer, start: number, end: number): void {
    const letters = this.#letters
    let filled = this.#filled
    for (let i = start; i < end; i += 1) {
      const letter = LETTERS[bytes[i] as number] as number
      // Written in any case, kept by counting: what is no letter is written over by the next one.
      letters[filled] = letter
      if (letter !== 0) filled += 1
    }
    this.#filled = filled
  }

  #hash(): void {
    const letters = this.#letters.subarray(0, this.#filled)
    this.#md5.update(letters)
    this.#sha512.update(letters)
    this.#hashed += this.#filled
    this.#filled = 0
  }
}
