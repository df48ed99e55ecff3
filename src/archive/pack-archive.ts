/**
 * Packs the files of a tag into an archive and its member index, in one pass over the files.
 *
 * Files are read here, segment by segment, into memory that all threads see. While one segment is read, others are compressed and hashed by the
 * threads of the pool and written, in the order of the files, whatever thread ends first. Memory holds a few segments, however large the files are.
 */
import { createHash } from 'node:crypto'
import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { legacyNaming, storedNaming } from './archive-layout.ts'
import { ArchiveOutput, type LaneMaker, type Sink } from './archive-output.ts'
import { EOF_BLOCK } from './block-gzip.ts'
import { COMPRESSORS, storeSegment } from './content-compression.ts'
import { type Lane, type LaneKind, laneHere } from './digest-lane.ts'
import type { IndexEntry, IndexFile, MemberIndex } from './member-index.ts'
import { MemberReader } from './member-reader.ts'
import { PackedFile } from './packed-file.ts'
import { type Segment, SegmentMemory } from './segment-memory.ts'
import { SEGMENT_PLAIN } from './segment-size.ts'
import type { SourceEntry, SourceTree } from './source-tree.ts'
import { UnderWay } from './under-way.ts'

/** What makes blocks of segments and digests of both: the threads of an `ArchivePool`, or this thread. */
export interface SegmentPacker {
  readonly memory: SegmentMemory
  /** Compresses the first plain bytes of a segment; answers the lengths of the blocks in it. */
  compress(segment: Segment, length: number): Promise<number[]>
  lane<K extends LaneKind>(kind: K): Lane<K>
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
  /** Names of the genome: the digests of the archive as API v1 and v2 serve it come with the archive. */
  readonly aliases?: readonly string[]
}

/** An archive that nobody writes: its files lie loose in a store. */
export interface LooseOrder extends PackNames {
  /** Folder of the store that the files lie in, by the paths they have in the archive. */
  readonly loose: string
}

/**
 * Writes an archive to disk, flushed, and answers its index, without the view of refgenie 1.x: that one is named by digests of the content.
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
    const sink: Sink = (bytes, at) => writeWhole(output, bytes, at)
    const index = await new Packing(order, { pool: order.pool, sink }).run(order.aliases)
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
  const index = await new Packing(order, { pool: storing(), sink: async () => {} }, true).run()
  return { ...index, compressors: { stored: COMPRESSORS.stored }, loose: order.loose }
}

// Storing is a copy and a checksum: giving it to a thread would cost more.
function storing(): SegmentPacker {
  return {
    memory: new SegmentMemory(2),
    compress: async ({ plain, packed }, length) => storeSegment(plain.subarray(0, length), packed),
    lane: laneHere,
  }
}

async function writeWhole(output: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const left = bytes.length - done
    const { bytesWritten } = await output.write(bytes, done, left, position + done)
    done += bytesWritten
  }
}

// What is smaller is hashed sooner than a thread is told of it.
const HASHED_HERE = 1024 * 1024

class Packing {
  readonly #order: PackNames
  readonly #pool: SegmentPacker
  readonly #sink: Sink
  readonly #loose: boolean
  readonly #under = new UnderWay()
  readonly #files: PackedFile[] = []

  constructor(order: PackNames, to: { pool: SegmentPacker; sink: Sink }, loose = false) {
    this.#order = order
    this.#pool = to.pool
    this.#sink = to.sink
    this.#loose = loose
  }

  async run(aliases: readonly string[] = []): Promise<MemberIndex> {
    const { genome, asset, tag, tree } = this.#order
    // The layout needs sizes and names only; where the blocks are is filled in while they are written.
    const entries = tree.entries.map(draftOf)
    const output = new ArchiveOutput({
      index: { entries, genome },
      stored: storedNaming(tag),
      views: aliases.map(alias => legacyNaming(asset, alias)),
      lane: this.#lanesFor(tree.size),
      sink: this.#sink,
    })
    try {
      await this.#packAll(output)
      const { archive, views } = await output.end()
      for (const entry of entries) if (entry.type === 'file' && entry.size === 0) emptyFile(entry)
      return {
        format: 'refdepot-member-index',
        version: 1,
        archive,
        compressors: COMPRESSORS,
        genome,
        asset,
        tag,
        entries,
        views: { legacy: Object.fromEntries(views.map((view, i) => [aliases[i] as string, view])) },
        replaces: [],
      }
    } finally {
      output.drop()
    }
  }

  async #packAll(output: ArchiveOutput): Promise<void> {
    const sources = new Map(this.#order.tree.entries.map(entry => [entry.path, entry]))
    try {
      for (const [number, { file }] of output.steps.entries()) {
        void this.#under.inOrder(async () => output.headers(number))
        if (file !== undefined)
          await this.#pack(output, file, sources.get(file.path) as SourceEntry)
      }
    } finally {
      // Also after a failure: until then threads use memory that belongs to others next.
      await this.#under.settled()
      for (const file of this.#files) file.drop()
    }
    this.#under.demandSound()
  }

  /** Reads a file whole and gives its segments to the pool; what follows goes on while others are read. */
  async #pack(output: ArchiveOutput, file: IndexFile, source: SourceEntry): Promise<void> {
    const reader = new MemberReader(source)
    const packed = new PackedFile(file, this.#lanesFor(source.size), this.#loose)
    this.#files.push(packed)
    void this.#under.inOrder(async () => {
      file.start = output.position
      return []
    })
    try {
      await reader.open()
      for (let left = source.size; left > 0; ) {
        this.#order.signal?.throwIfAborted()
        this.#under.demandSound()
        const length = Math.min(SEGMENT_PLAIN, left)
        await this.#packSegment(output, packed, reader, length)
        this.#order.onProgress?.(length)
        left -= length
      }
      await reader.end()
    } finally {
      await reader.close()
    }
    void this.#under.inOrder(async () => {
      file.end = output.position
      this.#files.splice(this.#files.indexOf(packed), 1)
      return [packed.end()]
    })
  }

  async #packSegment(
    output: ArchiveOutput,
    file: PackedFile,
    reader: MemberReader,
    length: number,
  ): Promise<void> {
    const segment = await this.#pool.memory.take()
    const plain = segment.plain.subarray(0, length)
    try {
      await reader.read(plain)
    } catch (error) {
      this.#pool.memory.give(segment)
      throw error
    }
    const compressed = this.#pool.compress(segment, length)
    const written = this.#under.inOrder(async () => {
      const sizes = await compressed
      const packed = segment.packed.subarray(
        0,
        sizes.reduce((sum, size) => sum + size, 0),
      )
      return [file.blocks(packed, sizes), ...output.blocks(packed)]
    })
    const used = [compressed, written, ...file.plain(plain)]
    void this.#under.beside(used).then(() => this.#pool.memory.give(segment))
  }

  #lanesFor(size: number): LaneMaker {
    return size <= HASHED_HERE ? laneHere : kind => this.#pool.lane(kind)
  }
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
