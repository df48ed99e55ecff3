/**
 * Block gzip (BGZF): a gzip file made of independent members of at most 64 KiB, each telling its own length.
 *
 * Source of the rules: SAM specification §4.1, RFC 1951 and RFC 1952. Every gzip reader opens it; readers that know the blocks can start at
 * any of them. `docs/format.md` says how archives use it.
 */
import { constants, crc32, inflateRaw } from 'node:zlib'
import { inflateLetters } from './letter-stream.ts'

/** Plain bytes a block holds at most: so many that a block of stored (not compressed) bytes still fits the 16-bit length field. */
export const BLOCK_PLAIN = 65_280

/** Bytes before the compressed data of a block: the gzip header with the field that tells the length of the block. */
const BLOCK_HEAD = 18

/** Bytes behind the compressed data of a block: CRC-32 and plain length. */
const BLOCK_TAIL = 8

// A deflate block of stored bytes: one byte of flags, length, and its complement.
const STORED_HEAD = 5

/** Bytes that a block of stored bytes adds to the bytes it holds. */
export const STORED_OVERHEAD = BLOCK_HEAD + STORED_HEAD + BLOCK_TAIL

/** The empty block that ends a block-gzip file (SAM specification §4.1.2). */
export const EOF_BLOCK = Buffer.from(
  '1f8b08040000000000ff0600424302001b0003000000000000000000',
  'hex',
)

// What zlib takes for the length of a chunk of output.
const LEAST_CHUNK = constants.Z_MIN_CHUNK

// Magic, deflate, extra field; no time, no name; operating system unknown; 6 bytes extra: 'BC', length 2.
const HEAD = Buffer.from('1f8b08040000000000ff060042430200', 'hex')

/** A block around compressed data. `deflated` is a whole deflate stream of `plain`. */
export function blockOf(deflated: Uint8Array, plain: Uint8Array): Buffer {
  const size = BLOCK_HEAD + deflated.length + BLOCK_TAIL
  const block = Buffer.allocUnsafe(size)
  HEAD.copy(block)
  block.writeUInt16LE(size - 1, 16)
  block.set(deflated, BLOCK_HEAD)
  block.writeUInt32LE(crc32(plain), size - 8)
  block.writeUInt32LE(plain.length, size - 4)
  return block
}

/** A block that holds up to {@link BLOCK_PLAIN} bytes as they are: its bytes depend on no compressor. */
export function storedBlock(plain: Uint8Array): Buffer {
  const deflated = Buffer.allocUnsafe(STORED_HEAD + plain.length)
  deflated[0] = 1
  deflated.writeUInt16LE(plain.length, 1)
  deflated.writeUInt16LE(plain.length ^ 0xffff, 3)
  deflated.set(plain, STORED_HEAD)
  return blockOf(deflated, plain)
}

/** Any number of bytes in stored blocks. */
export function storedBlocks(plain: Buffer): Buffer {
  const blocks: Buffer[] = []
  for (let start = 0; start < plain.length; start += BLOCK_PLAIN) {
    blocks.push(storedBlock(plain.subarray(start, start + BLOCK_PLAIN)))
  }
  return Buffer.concat(blocks)
}

/** Length in bytes of {@link storedBlocks} of so many bytes. */
export function storedLength(plain: number): number {
  return plain + Math.ceil(plain / BLOCK_PLAIN) * STORED_OVERHEAD
}

/** The CRC-32 of the plain bytes of each block, as the blocks tell it; `sizes` are their lengths. */
export function blockChecksums(blocks: Uint8Array, sizes: readonly number[]): number[] {
  const view = Buffer.from(blocks.buffer, blocks.byteOffset, blocks.byteLength)
  let end = 0
  return sizes.map(size => {
    end += size
    return view.readUInt32LE(end - BLOCK_TAIL)
  })
}

/** Why a block cannot be read. */
class BlockBroken extends Error {
  override readonly name = 'BlockBroken'
}

/**
 * Inflates a block of letters into `plain`, here and now: in less time than a thread of the pool needs to be asked. Checked as in
 * {@link inflateBlock}.
 *
 * @returns false when it is no such block, or not of this length: {@link inflateBlock} knows what it is
 */
export function inflateNow(block: Buffer, plain: Buffer): boolean {
  if (!isBlock(block) || block.readUInt32LE(block.length - 4) !== plain.length) return false
  return (
    inflateLetters(dataOf(block), plain) && crc32(plain) === block.readUInt32LE(block.length - 8)
  )
}

/**
 * The plain bytes of one block, checked against its CRC-32 and length.
 *
 * @throws BlockBroken when the bytes are no such block or do not match
 */
export async function inflateBlock(block: Buffer): Promise<Buffer> {
  if (!isBlock(block)) throw new BlockBroken('is no block of an archive')
  const length = block.readUInt32LE(block.length - 4)
  const plain = await inflated(dataOf(block), length)
  if (plain.length !== length || crc32(plain) !== block.readUInt32LE(block.length - 8)) {
    throw new BlockBroken('does not match its checksum')
  }
  return plain
}

function isBlock(block: Buffer): boolean {
  return (
    block.length >= BLOCK_HEAD + BLOCK_TAIL &&
    block.compare(HEAD, 0, HEAD.length, 0, HEAD.length) === 0 &&
    block.readUInt32LE(block.length - 4) <= BLOCK_PLAIN
  )
}

function dataOf(block: Buffer): Buffer {
  return block.subarray(BLOCK_HEAD, block.length - BLOCK_TAIL)
}

/** On a thread of the pool, so that answers of other clients do not wait; with room for all bytes, so that it is asked once. */
function inflated(data: Buffer, length: number): Promise<Buffer> {
  const chunkSize = Math.max(length + 1, LEAST_CHUNK)
  return new Promise((done, failed) => {
    inflateRaw(data, { chunkSize, maxOutputLength: BLOCK_PLAIN }, (error, plain) => {
      if (error) failed(new BlockBroken(`cannot be inflated: ${error.message}`))
      else done(plain)
    })
  })
}
