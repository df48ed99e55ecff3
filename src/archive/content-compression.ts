/**
 * Compresses the content of files into blocks: how is decided by looking at the content.
 *
 * Huffman codes alone win on plain sequence (4 letters: 8x faster than matching, and smaller than zlib's); matching wins on
 * soft-masked or repetitive text; neither helps what is compressed already. So blocks are sampled: of all ways, the fastest
 * one counts whose result is within 4 % of the smallest (docs/decisions/0004, `bench/compression.mjs`).
 *
 * The result depends on the bytes of a segment only, so that any number of threads gives the same archive. Compressors are pinned:
 * libdeflate as WebAssembly, and zlib's Huffman-only strategy, which gives the same bytes in every Node.js (a golden test guards it;
 * the levels of Node's own zlib do not).
 */
import { constants, deflateRawSync } from 'node:zlib'
import { deflate as libdeflate } from 'libdeflate'
import { BLOCK_PLAIN, blockOf, storedBlock } from './block-gzip.ts'
import { SEGMENT_PACKED } from './segment-size.ts'

/** The ways to compress with what an index says of them: an archive can be explained years later. */
export const COMPRESSORS = {
  stored: { name: 'none', version: '1', strategy: 'stored' },
  huffman: {
    name: 'zlib',
    version: '1.3 or later',
    strategy: 'huffman-only, level 6, memory level 9',
  },
  fast: { name: 'libdeflate', version: 'npm 0.1.0', strategy: 'level 1' },
  strong: { name: 'libdeflate', version: 'npm 0.1.0', strategy: 'level 6' },
} as const

type Way = keyof typeof COMPRESSORS

type Deflate = (plain: Buffer) => Uint8Array

const HUFFMAN = { strategy: constants.Z_HUFFMAN_ONLY, level: 6, memLevel: 9 }

// From fast to slow.
const DEFLATES: readonly (readonly [Exclude<Way, 'stored'>, Deflate])[] = [
  ['huffman', plain => deflateRawSync(plain, HUFFMAN)],
  ['fast', plain => libdeflate(plain, 1)],
  ['strong', plain => libdeflate(plain, 6)],
]

// A way that costs less is taken when its result is at most this much larger than the smallest.
const TOLERANCE = 1.04
// Below this saving the bytes are stored: reading them back costs nothing then.
const WORTHWHILE = 0.98
// A block whose ratio leaves this band around the sampled one holds something else: it is sampled itself.
const DRIFT = 0.08

/** How blocks are compressed until the content changes. */
interface Choice {
  readonly way: Way
  /** Packed bytes for a plain byte, as sampled. */
  readonly ratio: number
}

interface PackedBlock {
  readonly block: Buffer
  readonly ratio: number
}

/**
 * Compresses a segment of a file into blocks, which are put into memory of at least {@link SEGMENT_PACKED} bytes, one after the other.
 * Answers the length of each.
 */
export function compressSegment(plain: Buffer, into: Uint8Array): number[] {
  const blocks: Buffer[] = []
  let choice: Choice | undefined
  let previous: { plain: Buffer; block: Buffer } | undefined
  for (let start = 0; start < plain.length; start += BLOCK_PLAIN) {
    const part = plain.subarray(start, start + BLOCK_PLAIN)
    // Holes of sparse files and runs of N: the same block again needs no work.
    if (previous?.plain.equals(part) === true) {
      blocks.push(previous.block)
      continue
    }
    let made = choice && packedAs(choice.way, part)
    if (choice === undefined || made === undefined || drifted(made.ratio, choice.ratio)) {
      const sampled = sample(part)
      choice = { way: sampled.way, ratio: sampled.ratio }
      made = sampled
    }
    blocks.push(made.block)
    previous = { plain: part, block: made.block }
  }
  return joined(blocks, into)
}

/** As {@link compressSegment}, in stored blocks: they depend on no compressor, so anybody can make them again of the file. */
export function storeSegment(plain: Buffer, into: Uint8Array): number[] {
  const blocks: Buffer[] = []
  for (let start = 0; start < plain.length; start += BLOCK_PLAIN) {
    blocks.push(storedBlock(plain.subarray(start, start + BLOCK_PLAIN)))
  }
  return joined(blocks, into)
}

function joined(blocks: readonly Buffer[], into: Uint8Array): number[] {
  let at = 0
  for (const block of blocks) {
    into.set(block, at)
    at += block.length
  }
  return blocks.map(block => block.length)
}

function drifted(ratio: number, sampled: number): boolean {
  return Math.abs(ratio - sampled) > DRIFT * sampled
}

/** Tries all ways on a block and keeps the result of the one that counts. */
function sample(plain: Buffer): PackedBlock & { way: Way } {
  const tried = DEFLATES.map(([way, deflate]) => ({ way, deflated: deflate(plain) }))
  const smallest = Math.min(...tried.map(({ deflated }) => deflated.length))
  const chosen = tried.find(({ deflated }) => deflated.length <= smallest * TOLERANCE)
  if (chosen === undefined || smallest >= plain.length * WORTHWHILE) {
    return { way: 'stored', block: storedBlock(plain), ratio: 1 }
  }
  const { way, deflated } = chosen
  return { way, block: blockOf(deflated, plain), ratio: deflated.length / plain.length }
}

/** A block compressed in a given way; undefined when that would make it larger than it is. */
function packedAs(way: Way, plain: Buffer): PackedBlock | undefined {
  const deflate = DEFLATES.find(([name]) => name === way)?.[1]
  // Whether stored bytes have become compressible is seen by the fastest way: it costs little.
  if (deflate === undefined) {
    const ratio = Math.min(1, deflateRawSync(plain, HUFFMAN).length / plain.length)
    return ratio < WORTHWHILE ? undefined : { block: storedBlock(plain), ratio: 1 }
  }
  const deflated = deflate(plain)
  if (deflated.length >= plain.length) return undefined
  return { block: blockOf(deflated, plain), ratio: deflated.length / plain.length }
}
