/**
 * Inflates deflate streams that hold letters and no repeats: what Huffman-only compression makes of sequence, and stored bytes.
 *
 * Two or three bits a base: one look at ten bits gives up to four letters, where zlib takes one after the other. Half the time of zlib, measured
 * (docs/performance.md). Everything else is left to zlib: a stream with repeats tells it in its first bytes (RFC 1951 §3.2.7, HLIT).
 */
import {
  type Code,
  codeOf,
  END,
  type LetterCode,
  LOOK_SIZE,
  letterCodeOf,
  MOST_BITS,
  MOST_LETTERS,
} from './letter-code.ts'

/** Bytes that the fast loop may write behind its last letter, in two look-ups. */
const OUT_SLACK = 2 * MOST_LETTERS

/** Codes of letters when HLIT is 0: there is none for a repeat. */
const LETTER_CODES = 257

// A letter of more bits leaves one or two to a look-up: zlib is faster then.
const FEWEST_LETTERS_PER_BYTE = 2

// RFC 1951 §3.2.7: the order in which the lengths of the codes for lengths come.
const ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15] as const

/**
 * Inflates a whole deflate stream into `plain`, which it must fill.
 *
 * @returns false when the stream has repeats, packs little, is broken, or has another length: nothing is known of the bytes in `plain` then
 */
export function inflateLetters(deflated: Uint8Array, plain: Uint8Array): boolean {
  const isStored = deflated.length > plain.length
  const packsMuch = deflated.length * FEWEST_LETTERS_PER_BYTE <= plain.length
  return (isStored || packsMuch) && new LetterStream(deflated, plain).run()
}

class LetterStream {
  readonly #from: Uint8Array
  readonly #to: Uint8Array
  readonly #input: DataView
  readonly #output: DataView
  /** Next byte to read, next byte to write. */
  #at = 0
  #end = 0
  /** Bits that were read and not used, the next one lowest. What lies above `#held` is the same as the bytes from `#at` on. */
  #bits = 0
  #held = 0

  constructor(from: Uint8Array, to: Uint8Array) {
    this.#from = from
    this.#to = to
    this.#input = new DataView(from.buffer, from.byteOffset, from.byteLength)
    this.#output = new DataView(to.buffer, to.byteOffset, to.byteLength)
  }

  run(): boolean {
    for (let isLast = false; !isLast; ) {
      isLast = this.#take(1) === 1
      const type = this.#take(2)
      if (type === 0 ? !this.#stored() : type !== 2 || !this.#packed()) return false
    }
    return this.#end === this.#to.length
  }

  /** A deflate block of bytes as they are; behind its head it begins at a whole byte. */
  #stored(): boolean {
    const begin = this.#at - (this.#held >> 3)
    this.#bits = 0
    this.#held = 0
    if (begin + 4 > this.#from.length) return false
    const length = this.#input.getUint16(begin, true)
    const complement = this.#input.getUint16(begin + 2, true)
    this.#at = begin + 4 + length
    if (complement !== (length ^ 0xffff) || this.#at > this.#from.length) return false
    if (this.#end + length > this.#to.length) return false
    this.#to.set(this.#from.subarray(begin + 4, this.#at), this.#end)
    this.#end += length
    return true
  }

  /** A deflate block with codes of its own; false when one of them stands for a repeat. */
  #packed(): boolean {
    if (this.#take(5) !== 0) return false
    const distances = this.#take(5) + 1
    const lengths = this.#lengths(LETTER_CODES + distances)
    return lengths !== undefined && this.#letters(letterCodeOf(lengths.subarray(0, LETTER_CODES)))
  }

  /** Lengths of the codes, which are written in a code themselves; undefined when they are broken. */
  #lengths(count: number): Uint8Array | undefined {
    const first = new Uint8Array(ORDER.length)
    for (let left = this.#take(4) + 4, i = 0; i < left; i += 1) {
      first[ORDER[i] as number] = this.#take(3)
    }
    const code = codeOf(first)
    const lengths = new Uint8Array(count)
    let previous = 0
    for (let i = 0; i < count; ) {
      const symbol = this.#symbol(code)
      if (symbol < 0) return undefined
      if (symbol < 16) {
        lengths[i] = symbol
        previous = symbol
        i += 1
      } else {
        const value = symbol === 16 ? previous : 0
        const times = symbol === 18 ? this.#take(7) + 11 : this.#take(symbol === 16 ? 2 : 3) + 3
        lengths.fill(value, i, i + times)
        previous = value
        i += times
      }
    }
    return lengths
  }

  /** Letters up to the end of the deflate block. */
  #letters(code: LetterCode): boolean {
    for (;;) {
      this.#many(code)
      const symbol = this.#symbol(code)
      if (symbol === END) return true
      if (symbol < 0 || this.#end >= this.#to.length) return false
      this.#to[this.#end] = symbol
      this.#end += 1
    }
  }

  /** As many letters as can be looked up: all but the rare ones and the last. In variables, since this loop takes the time. */
  #many({ letters, steps }: LetterCode): void {
    const input = this.#input
    const output = this.#output
    const lastAt = input.byteLength - 4
    const lastEnd = output.byteLength - OUT_SLACK
    let at = this.#at
    let end = this.#end
    let bits = this.#bits
    let held = this.#held
    while (at <= lastAt && end <= lastEnd) {
      // Fills up to at least 24 bits, whole bytes of which count: two look-ups take 20 at most.
      bits |= input.getInt32(at, true) << held
      at += (31 - held) >> 3
      held |= 24
      let step = steps[bits & (LOOK_SIZE - 1)] as number
      if (step === 0) break
      output.setInt32(end, letters[bits & (LOOK_SIZE - 1)] as number, true)
      end += step >> 4
      bits >>>= step & 15
      held -= step & 15
      step = steps[bits & (LOOK_SIZE - 1)] as number
      // Without any: nothing is written that counts, and the next turn ends the loop.
      output.setInt32(end, letters[bits & (LOOK_SIZE - 1)] as number, true)
      end += step >> 4
      bits >>>= step & 15
      held -= step & 15
    }
    this.#at = at
    this.#end = end
    this.#bits = bits
    this.#held = held
  }

  /** One symbol, bit by bit; -1 when the bits are no code or at their end. */
  #symbol({ counts, symbols }: Code): number {
    let code = 0
    let first = 0
    let index = 0
    for (let length = 1; length <= MOST_BITS; length += 1) {
      code |= this.#take(1)
      const count = counts[length] as number
      if (code - first < count)
        return this.#held < 0 ? -1 : (symbols[index + code - first] as number)
      index += count
      first = (first + count) << 1
      code <<= 1
    }
    return -1
  }

  /** The next bits as a number. Behind the end of the input they are 0, and what is held becomes less than nothing. */
  #take(count: number): number {
    while (this.#held < count && this.#at < this.#from.length) {
      this.#bits |= (this.#from[this.#at] as number) << this.#held
      this.#at += 1
      this.#held += 8
    }
    const value = this.#bits & ((1 << count) - 1)
    this.#bits >>>= count
    this.#held -= count
    return value
  }
}
