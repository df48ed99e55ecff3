/** Huffman codes of deflate, and tables that look up several letters at once (RFC 1951 §3.2.2). */

// Bits that are looked up at once. With more of them the tables take longer to make than they save.
const LOOK_BITS = 10

/** Places of a table. */
export const LOOK_SIZE = 1 << LOOK_BITS

/** Letters of one look-up at most: as many as 32 bits hold. */
export const MOST_LETTERS = 4

/** Longest code (RFC 1951 §3.2.7). */
export const MOST_BITS = 15

/** Symbol that ends a deflate block; those below are letters. */
export const END = 256

// Sequence has a dozen of tables: the same few letters in another order of how often they occur.
const MOST_TABLES = 16

/** A Huffman code: how many codes of each length, and what they stand for in their order (RFC 1951 §3.2.2). */
export interface Code {
  readonly counts: Uint16Array
  readonly symbols: Uint16Array
}

/** A code with what several letters at once are looked up in. */
export interface LetterCode extends Code {
  /** By the next ten bits: up to four letters, the first in the lowest byte. */
  readonly letters: Int32Array
  /** By the next ten bits: number of letters × 16, and the bits they take; 0 when the code is longer or no letter. */
  readonly steps: Uint8Array
}

const known = new Map<string, LetterCode>()

/** The code that has these lengths. */
export function codeOf(lengths: Uint8Array): Code {
  const counts = new Uint16Array(MOST_BITS + 1)
  for (const length of lengths) counts[length] = (counts[length] as number) + 1
  const places = new Uint16Array(MOST_BITS + 2)
  counts[0] = 0
  for (let i = 1; i <= MOST_BITS; i += 1) {
    places[i + 1] = (places[i] as number) + (counts[i] as number)
  }
  const symbols = new Uint16Array(lengths.length)
  lengths.forEach((length, symbol) => {
    if (length === 0) return
    symbols[places[length] as number] = symbol
    places[length] = (places[length] as number) + 1
  })
  return { counts, symbols }
}

/** The code of letters with its look-up tables, made once for the lengths that come again and again. */
export function letterCodeOf(lengths: Uint8Array): LetterCode {
  const key = Buffer.from(lengths.buffer, lengths.byteOffset, lengths.length).toString('latin1')
  const kept = known.get(key)
  if (kept !== undefined) return kept
  const code = { ...codeOf(lengths), ...lookUpsOf(singlesOf(lengths)) }
  known.set(key, code)
  for (const oldest of known.keys()) {
    if (known.size <= MOST_TABLES) break
    known.delete(oldest)
  }
  return code
}

/** By ten bits: the first symbol × 16 and the length of its code; 0 when that is longer. */
function singlesOf(lengths: Uint8Array): Uint16Array {
  const singles = new Uint16Array(LOOK_SIZE)
  let code = 0
  for (let length = 1; length <= LOOK_BITS; length += 1) {
    lengths.forEach((of, symbol) => {
      if (of !== length) return
      // Codes come with their first bit first, numbers with their lowest.
      let place = 0
      for (let bit = 0; bit < length; bit += 1) place |= ((code >> bit) & 1) << (length - 1 - bit)
      for (; place < LOOK_SIZE; place += 1 << length) singles[place] = (symbol << 4) | length
      code += 1
    })
    code <<= 1
  }
  return singles
}

function lookUpsOf(singles: Uint16Array): Pick<LetterCode, 'letters' | 'steps'> {
  const letters = new Int32Array(LOOK_SIZE)
  const steps = new Uint8Array(LOOK_SIZE)
  for (let look = 0; look < LOOK_SIZE; look += 1) {
    let used = 0
    let count = 0
    let found = 0
    while (count < MOST_LETTERS) {
      const single = singles[look >> used] as number
      const length = single & 15
      if (length === 0 || used + length > LOOK_BITS || single >> 4 >= END) break
      found |= (single >> 4) << (count * 8)
      count += 1
      used += length
    }
    letters[look] = found
    steps[look] = (count << 4) | used
  }
  return { letters, steps }
}
