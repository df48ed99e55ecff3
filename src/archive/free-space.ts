/** Will an archive fit the disk? Asked before it is begun: a run that fails after hours helps nobody. */
import { type FileHandle, open, statfs } from 'node:fs/promises'
import { DiskFull } from '../domain/archiving-errors.ts'
import { formatSize } from '../domain/human-size.ts'
import { BLOCK_PLAIN } from './block-gzip.ts'
import type { SegmentPacker } from './pack-archive.ts'
import { SEGMENT_PLAIN } from './segment-size.ts'
import type { SourceEntry, SourceTree } from './source-tree.ts'

// Samples of large files, from begin to end.
const SAMPLES = 8
// An estimate may be wrong by this much before an archive is refused.
const DOUBT = 0.8

/**
 * Makes sure that an archive can fit.
 *
 * @throws DiskFull
 */
export async function mustFit(
  folder: string,
  tree: SourceTree,
  pool: SegmentPacker,
): Promise<void> {
  const { bavail, bsize } = await statfs(folder)
  const free = bavail * bsize
  if (tree.size < free) return
  let need = 0
  for (const entry of tree.entries) if (entry.type === 'file') need += await packedSize(entry, pool)
  if (need * DOUBT > free) throw new DiskFull(folder, formatSize(need), formatSize(free))
}

/** About how many bytes a file will have in an archive: a few of its blocks are compressed. */
async function packedSize({ source, size }: SourceEntry, pool: SegmentPacker): Promise<number> {
  if (size <= SEGMENT_PLAIN) return size
  const file = await open(source, 'r')
  try {
    const plain = await samplesOf(file, size)
    const segment = await pool.memory.take()
    segment.plain.set(plain)
    const sizes = await pool
      .compress(segment, plain.length)
      .finally(() => pool.memory.give(segment))
    return (sizes.reduce((sum, length) => sum + length, 0) / plain.length) * size
  } finally {
    await file.close()
  }
}

async function samplesOf(file: FileHandle, size: number): Promise<Buffer> {
  const samples: Buffer[] = []
  for (let i = 0; i < SAMPLES; i += 1) {
    const buffer = Buffer.alloc(BLOCK_PLAIN)
    const at = Math.floor(((size - BLOCK_PLAIN) * i) / (SAMPLES - 1))
    const { bytesRead } = await file.read(buffer, 0, BLOCK_PLAIN, at)
    samples.push(buffer.subarray(0, bytesRead))
  }
  return Buffer.concat(samples)
}
