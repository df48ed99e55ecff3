/** How much is compressed at a time; apart from what compresses, so that a server need not load that. */
import { BLOCK_PLAIN } from './block-gzip.ts'

/** Blocks that are compressed together and independently of all others. */
const SEGMENT_BLOCKS = 64

/** Plain bytes of a segment, a whole number of blocks; the last one of a file may be shorter. */
export const SEGMENT_PLAIN = SEGMENT_BLOCKS * BLOCK_PLAIN

/** Bytes that the blocks of a segment have at most: each tells its length in 16 bits. */
export const SEGMENT_PACKED = SEGMENT_BLOCKS * 65_536
