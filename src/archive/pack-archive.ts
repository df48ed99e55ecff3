/**
 * Packs the files of a tag into an archive and its member index, in one pass over the files.
 *
 * Files are read and hashed here, segment by segment, and compressed by the threads of the pool; blocks are written in the order of
 * the files, whatever thread ends first. Memory holds a few segments, however large the files are.
 */
import { createHash, type Hash } from 'node:crypto'
import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { ArchiveDigest, ChunkDigests } from './archive-digest.ts'
import { packedHeaders, stepsOf, storedNaming } from './archive-layout.ts'
import type { CompressAnswer } from './archive-worker.ts'
import { blockChecksums, EOF_BLOCK } from './block-gzip.ts'
import { COMPRESSORS, SEGMENT_PLAIN, storeSegment } from './content-compression.ts'
import {
  CHUNK_SIZE,
  encodeBlocks,
  encodeChecksums,
  type IndexEntry,
  type IndexFile,
  type MemberIndex,
} from './member-index.ts'
import { MemberReader } from './member-reader.ts'
import type { SourceEntry, SourceTree } from './source-tree.ts'

/** What makes blocks of segments: the threads of an `ArchivePool`, or a plain function. */
export interface SegmentPacker {
  /** Segments that are worked on at a time. */
  readonly jobs: number
  /** Takes the first `length` bytes of a piece of memory, which belongs to it until the answer brings it back. */
  compress(memory: ArrayBuffer, length: number): Promise<CompressAnswer>
}

/** What is packed, and how it is called. */
interface PackNames {
  readonly genome: string
  readonly asset: string
  readonly tag: string
  readonly tree: SourceTree
  /** Called with the plain bytes that were read since the last call. */
  readonly onProgress?: (bytes: number) => void
  readonly signal?: AbortSignal
}

/** An archive that is written. */
export interface PackOrder extends PackNames {
  /** Absolute path of the archive to write; it must not exist. */
  readonly path: string
  readonly pool: SegmentPacker
}

/** An archive that nobody writes: its files lie loose in a store. */
export interface LooseOrder extends PackNames {
  /** Folder of the store that the files lie in, by the paths they have in the archive. */
  readonly loose: string
}

/**
 * Writes an archive to disk, flushed, and answers its index without digests of views.
 *
 * @throws SourceChanged, SourceRefused; an error of the file system when the archive cannot be written
 */
export async function packArchive(order: PackOrder): Promise<MemberIndex> {
  const output = await open(
    order.path,
    constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL,
    0o644,
  )
  try {
    const packing = new Packing(order, order.pool, (bytes, at) => writeWhole(output, bytes, at))
    const index = await packing.run()
    await output.sync()
    return index
  } finally {
    await output.close()
  }
}

/**
 * The index of an archive whose blocks are all stored: its bytes follow from its files, so they are hashed and kept nowhere (`docs/format.md`).
 *
 * @throws SourceChanged, SourceRefused
 */
export async function packLoose(order: LooseOrder): Promise<MemberIndex> {
  const packing = new Packing(order, STORING, async () => {})
  const index = await packing.run()
  return { ...index, compressors: { stored: COMPRESSORS.stored }, loose: order.loose }
}

// Storing is a copy and a checksum: giving it to a thread would cost more.
const STORING: SegmentPacker = {
  jobs: 1,
  compress: async (memory, length) => ({ ...storeSegment(Buffer.from(memory, 0, length)), memory }),
}

/** Takes the next bytes of the archive, which begin at a position of it. */
type Sink = (bytes: Uint8Array, position: number) => Promise<void>

async function writeWhole(output: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const left = bytes.length - done
    const { bytesWritten } = await output.write(bytes, done, left, position + done)
    done += bytesWritten
  }
}

class Packing {
  readonly #order: PackNames
  readonly #pool: SegmentPacker
  readonly #sink: Sink
  readonly #loose: boolean
  readonly #digest = new ArchiveDigest()
  readonly #chunks = new ChunkDigests()
  readonly #memory: ArrayBuffer[] = []
  /** Writes that wait for their blocks, in the order of the archive. */
  readonly #pending: (() => Promise<void>)[] = []
  #position = 0

  constructor(order: PackNames, pool: SegmentPacker, sink: Sink) {
    this.#order = order
    this.#pool = pool
    this.#sink = sink
    this.#loose = pool === STORING
  }

  async run(): Promise<MemberIndex> {
    const { genome, asset, tag, tree } = this.#order
    // The layout needs sizes and names only; where the blocks are is filled in while they are written.
    const entries = tree.entries.map(draftOf)
    const sources = new Map(tree.entries.map(entry => [entry.path, entry]))
    for (const step of stepsOf({ entries, genome }, storedNaming(tag))) {
      await this.#enqueue(() => this.#write(packedHeaders(step)))
      if (step.file !== undefined)
        await this.#pack(step.file, sources.get(step.file.path) as SourceEntry)
    }
    while (this.#pending.length > 0) await this.#pending.shift()?.()
    for (const entry of entries) if (entry.type === 'file' && entry.size === 0) emptyFile(entry)
    return {
      format: 'refdepot-member-index',
      version: 1,
      archive: { ...this.#digest.end(), chunk_size: CHUNK_SIZE, chunks: this.#chunks.end() },
      compressors: COMPRESSORS,
      genome,
      asset,
      tag,
      entries,
      views: { legacy: {} },
      replaces: [],
    }
  }

  /** Reads a file whole, gives its segments to the pool and leaves the writes in the queue. */
  async #pack(file: IndexFile, source: SourceEntry): Promise<void> {
    const reader = new MemberReader(source)
    const packed: PackedFile = { sizes: [], gz: createHash('sha256') }
    if (this.#loose) packed.checksums = []
    await this.#enqueue(async () => {
      file.start = this.#position
    })
    try {
      await reader.open()
      for (let left = source.size; left > 0; ) {
        this.#order.signal?.throwIfAborted()
        const memory = this.#memory.pop() ?? new ArrayBuffer(SEGMENT_PLAIN)
        const length = Math.min(SEGMENT_PLAIN, left)
        await reader.read(Buffer.from(memory, 0, length))
        const answer = this.#pool.compress(memory, length)
        // Whoever waits for it comes later; until then a failure is nobody's.
        answer.catch(() => {})
        await this.#enqueue(async () => {
          const segment = await answer
          this.#memory.push(segment.memory)
          packed.gz.update(segment.packed)
          for (const size of segment.sizes) packed.sizes.push(size)
          packed.checksums?.push(...blockChecksums(segment.packed, segment.sizes))
          await this.#write(segment.packed)
        })
        this.#order.onProgress?.(length)
        left -= length
      }
      await reader.end()
    } finally {
      await reader.close()
    }
    await this.#enqueue(async () => finish(file, reader, packed, this.#position))
  }

  /** Queues a write; when enough segments are under way, the first one is waited for. */
  async #enqueue(write: () => Promise<void>): Promise<void> {
    this.#pending.push(write)
    while (this.#pending.length > this.#pool.jobs * 2 + 2) await this.#pending.shift()?.()
  }

  async #write(bytes: Uint8Array): Promise<void> {
    this.#digest.update(bytes)
    this.#chunks.update(bytes)
    await this.#sink(bytes, this.#position)
    this.#position += bytes.length
  }
}

/** What is gathered of a file while its segments come back. */
interface PackedFile {
  readonly sizes: number[]
  /** Of the blocks; only for archives that lie loose. */
  checksums?: number[]
  readonly gz: Hash
}

function draftOf(entry: SourceEntry): IndexEntry {
  const { path, type } = entry
  if (type === 'folder') return { path, type }
  if (type === 'link') return { path, type, target: entry.target as string }
  return {
    type,
    path,
    size: entry.size,
    ...(entry.executable && { executable: true }),
    ...(entry.linked !== undefined && { linked: entry.linked }),
    sha256: '',
    md5: '',
    start: 0,
    end: 0,
    blocks: '',
    gz_sha256: '',
  }
}

function emptyFile(file: IndexFile): void {
  const nothing = Buffer.alloc(0)
  file.sha256 = createHash('sha256').update(nothing).digest('hex')
  file.md5 = createHash('md5').update(nothing).digest('hex')
  file.gz_sha256 = createHash('sha256').update(EOF_BLOCK).digest('hex')
}

function finish(file: IndexFile, reader: MemberReader, packed: PackedFile, end: number): void {
  Object.assign(file, reader.facts())
  file.end = end
  file.blocks = encodeBlocks(packed.sizes)
  if (packed.checksums !== undefined) file.crc32 = encodeChecksums(packed.checksums)
  file.gz_sha256 = packed.gz.update(EOF_BLOCK).digest('hex')
}
