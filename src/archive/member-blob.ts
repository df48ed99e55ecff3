/** One file inside an archive as a blob: plain, as a ready `.gz`, and the indexes that go with it. */
import { ArchiveDamaged } from '../domain/errors.ts'
import { faiText } from '../genomics/fai.ts'
import { type Blob, memoryBlob } from '../storage/blob.ts'
import { lazyPiece, type Piece, piecewiseBlob, storedPiece } from '../storage/piecewise-blob.ts'
import type { ByteRange, StoredObject } from '../storage/store.ts'
import { BLOCK_PLAIN, EOF_BLOCK, inflateBlock } from './block-gzip.ts'
import { blockOffsets, fastaFactsOf, type IndexFile, type MemberIndex } from './member-index.ts'

/** An archive that was opened with its index. */
export interface IndexedArchive {
  readonly object: StoredObject
  readonly index: MemberIndex
}

const OCTETS = 'application/octet-stream'

/** A file of an archive; ranges are located by the index and inflated on the way. */
export function memberBlob({ object }: IndexedArchive, file: IndexFile): Blob {
  return piecewiseBlob([contentPiece(object, file)], {
    mediaType: OCTETS,
    etag: file.sha256,
    digests: { sha256: file.sha256, md5: file.md5 },
    modified: new Date(object.modifiedMs),
    close: () => object.close(),
  })
}

/** A file of an archive as a block-gzip file: the blocks as they lie there, with the end block. */
export function gzipBlob({ object }: IndexedArchive, file: IndexFile): Blob {
  const end = lazyPiece(EOF_BLOCK.length, () => EOF_BLOCK)
  return piecewiseBlob([storedPiece(object, file.start, file.end), end], {
    mediaType: 'application/gzip',
    etag: file.gz_sha256,
    digests: { sha256: file.gz_sha256 },
    modified: new Date(object.modifiedMs),
    close: () => object.close(),
  })
}

/** Bytes of {@link gzipBlob}. */
export function gzipLength(file: IndexFile): number {
  return file.end - file.start + EOF_BLOCK.length
}

/**
 * The `.gzi` of {@link gzipBlob}, byte for byte as `bgzip -r` writes it: a count, then compressed and plain offset of every block
 * but the first, each 64 bits little-endian.
 */
export function gziBlob(file: IndexFile): Blob {
  const offsets = blockOffsets(file)
  const count = Math.max(0, offsets.length - 2)
  const gzi = Buffer.alloc(8 + count * 16)
  gzi.writeBigUInt64LE(BigInt(count))
  for (let i = 1; i <= count; i += 1) {
    gzi.writeBigUInt64LE(BigInt((offsets[i] as number) - file.start), i * 16 - 8)
    gzi.writeBigUInt64LE(BigInt(i * BLOCK_PLAIN), i * 16)
  }
  return memoryBlob(gzi, OCTETS)
}

/** The `.fai` of a FASTA file; undefined for other files and for FASTA that samtools cannot index. */
export function faiBlob(file: IndexFile): Blob | undefined {
  const text = file.fasta && faiText(fastaFactsOf(file.fasta))
  return text === undefined ? undefined : memoryBlob(text, 'text/plain; charset=utf-8')
}

/** The content of a file as a piece of something larger. */
export function contentPiece(object: StoredObject, file: IndexFile): Piece {
  let offsets: Float64Array | undefined
  return {
    length: file.size,
    bytes: range => {
      offsets ??= blockOffsets(file)
      return inflatedRange(object, file, offsets, range)
    },
  }
}

/** Reads the blocks that a range touches, and no others. */
async function inflatedRange(
  object: StoredObject,
  file: IndexFile,
  offsets: Float64Array,
  range: ByteRange,
): Promise<Buffer> {
  const first = Math.floor(range.start / BLOCK_PLAIN)
  const behind = Math.ceil(range.end / BLOCK_PLAIN)
  const begin = offsets[first] as number
  const packed = await object.bytes({ start: begin, end: offsets[behind] as number })
  const blocks: Promise<Buffer>[] = []
  for (let i = first; i < behind; i += 1) {
    const start = (offsets[i] as number) - begin
    blocks.push(inflateBlock(packed.subarray(start, (offsets[i + 1] as number) - begin)))
  }
  const plain = await Promise.all(blocks).catch(error => {
    throw new ArchiveDamaged(`${object.key}: ${file.path} ${error.message}`)
  })
  const origin = first * BLOCK_PLAIN
  const whole = plain.length === 1 ? (plain[0] as Buffer) : Buffer.concat(plain)
  return whole.subarray(range.start - origin, range.end - origin)
}
