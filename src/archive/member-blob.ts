/** One file inside an archive as a blob: plain, as a ready `.gz`, and the indexes that go with it. */
import { faiText } from '../genomics/fai.ts'
import { type Blob, memoryBlob } from '../storage/blob.ts'
import { lazyPiece, type Piece, piecewiseBlob, storedPiece } from '../storage/piecewise-blob.ts'
import type { StoredObject } from '../storage/store.ts'
import { BLOCKS, type BlockCache } from './block-cache.ts'
import { BLOCK_PLAIN, EOF_BLOCK } from './block-gzip.ts'
import { MemberBlocks } from './member-blocks.ts'
import { blockOffsets, fastaFactsOf, type IndexFile, type MemberIndex } from './member-index.ts'

/** An archive that was opened with its index. */
export interface IndexedArchive {
  readonly object: StoredObject
  readonly index: MemberIndex
}

const OCTETS = 'application/octet-stream'

/** A file of an archive; ranges are located by the index and inflated on the way. */
export function memberBlob(
  { object }: IndexedArchive,
  file: IndexFile,
  cache: BlockCache = BLOCKS,
): Blob {
  return piecewiseBlob([contentPiece(object, file, cache)], {
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

/**
 * The content of a file as a piece of something larger.
 *
 * @param cache - where blocks are kept that are asked for again and again
 */
export function contentPiece(
  object: StoredObject,
  file: IndexFile,
  cache: BlockCache = BLOCKS,
): Piece {
  const blocks = new MemberBlocks(object, file, cache)
  return {
    length: file.size,
    grain: BLOCK_PLAIN,
    bytes: (range, isPassing) => blocks.read(range, isPassing),
  }
}
