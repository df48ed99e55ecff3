/**
 * Packs the files of a tag into an archive and its member index, in one pass over the files.
 *
 * Files are read and hashed here, segment by segment, and compressed by the threads of the pool; blocks are written in the order of
 * the files, whatever thread ends first. Memory holds a few segments, however large the files are.
 */
import { createHash, type Hash } from 'node:crypto'
import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { SourceChanged, SourceRefused } from '../domain/archiving-errors.ts'
import { FastaScan } from '../genomics/fasta-scan.ts'
import { ArchiveDigest, ChunkDigests } from './archive-digest.ts'
import { packedHeaders, stepsOf, storedNaming } from './archive-layout.ts'
import type { ArchivePool } from './archive-pool.ts'
import { EOF_BLOCK } from './block-gzip.ts'
import { COMPRESSORS, SEGMENT_PLAIN } from './content-compression.ts'
import {
  CHUNK_SIZE,
  encodeBlocks,
  type FastaColumns,
  fastaColumnsOf,
  type IndexEntry,
  type IndexFile,
  type MemberIndex,
} from './member-index.ts'
import type { SourceEntry, SourceTree } from './source-tree.ts'

/** What is packed, and how it is called. */
export interface PackOrder {
  readonly genome: string
  readonly asset: string
  readonly tag: string
  readonly tree: SourceTree
  /** Absolute path of the archive to write; it must not exist. */
  readonly path: string
  readonly pool: ArchivePool
  /** Called with the plain bytes that were read since the last call. */
  readonly onProgress?: (bytes: number) => void
  readonly signal?: AbortSignal
}

// Files by these names that begin with '>' are scanned for their sequences.
const FASTA_NAME = /\.(?:fa|fasta|fna|ffn|frn|faa|fas|mfa)$/i

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
    const packing = new Packing(order, output)
    const index = await packing.run()
    await output.sync()
    return index
  } finally {
    await output.close()
  }
}

class Packing {
  readonly #order: PackOrder
  readonly #output: FileHandle
  readonly #digest = new ArchiveDigest()
  readonly #chunks = new ChunkDigests()
  readonly #memory: ArrayBuffer[] = []
  /** Writes that wait for their blocks, in the order of the archive. */
  readonly #pending: (() => Promise<void>)[] = []
  #position = 0

  constructor(order: PackOrder, output: FileHandle) {
    this.#order = order
    this.#output = output
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
    const packed = { sizes: [] as number[], gz: createHash('sha256') }
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
        const answer = this.#order.pool.compress(memory, length)
        // Whoever waits for it comes later; until then a failure is nobody's.
        answer.catch(() => {})
        await this.#enqueue(async () => {
          const segment = await answer
          this.#memory.push(segment.memory)
          packed.gz.update(segment.packed)
          for (const size of segment.sizes) packed.sizes.push(size)
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
    while (this.#pending.length > this.#order.pool.jobs * 2 + 2) await this.#pending.shift()?.()
  }

  async #write(bytes: Uint8Array): Promise<void> {
    this.#digest.update(bytes)
    this.#chunks.update(bytes)
    for (let done = 0; done < bytes.length; ) {
      const { bytesWritten } = await this.#output.write(
        bytes,
        done,
        bytes.length - done,
        this.#position,
      )
      done += bytesWritten
      this.#position += bytesWritten
    }
  }
}

/** Reads one file from begin to end, hashes it, and notices when it changes meanwhile. */
class MemberReader {
  readonly #source: SourceEntry
  readonly #md5 = createHash('md5')
  readonly #sha256 = createHash('sha256')
  #file: FileHandle | undefined
  #fasta: FastaScan | undefined
  #position = 0

  constructor(source: SourceEntry) {
    this.#source = source
  }

  async open(): Promise<void> {
    const { source } = this.#source
    try {
      this.#file = await open(source, constants.O_RDONLY | constants.O_NOFOLLOW)
    } catch (error) {
      throw new SourceRefused(source, (error as Error).message)
    }
    await this.#mustBeUnchanged()
  }

  /** Fills a buffer with the next bytes. */
  async read(buffer: Buffer): Promise<void> {
    for (let filled = 0; filled < buffer.length; ) {
      const { bytesRead } = await this.#read(buffer, filled)
      if (bytesRead === 0) throw new SourceChanged(this.#source.source)
      filled += bytesRead
      this.#position += bytesRead
    }
    if (
      this.#position === buffer.length &&
      FASTA_NAME.test(this.#source.path) &&
      buffer[0] === 0x3e
    ) {
      this.#fasta = new FastaScan()
    }
    this.#md5.update(buffer)
    this.#sha256.update(buffer)
    this.#fasta?.write(buffer)
  }

  /** Makes sure that what was read is the file, whole, as it was at the beginning. */
  async end(): Promise<void> {
    await this.#mustBeUnchanged()
  }

  facts(): { md5: string; sha256: string; fasta?: FastaColumns } {
    const fasta = this.#fasta && fastaColumnsOf(this.#fasta.end())
    const digests = { md5: this.#md5.digest('hex'), sha256: this.#sha256.digest('hex') }
    return fasta === undefined ? digests : { ...digests, fasta }
  }

  async close(): Promise<void> {
    await this.#file?.close()
    this.#file = undefined
  }

  #read(buffer: Buffer, filled: number) {
    const file = this.#file as FileHandle
    return file.read(buffer, filled, buffer.length - filled, this.#position).catch(error => {
      /* c8 ignore next 2 -- only a disk that fails under an open file comes here */
      throw new SourceRefused(this.#source.source, (error as Error).message)
    })
  }

  async #mustBeUnchanged(): Promise<void> {
    const stats = await (this.#file as FileHandle).stat({ bigint: true })
    const { size, modifiedNs, source } = this.#source
    if (Number(stats.size) !== size || stats.mtimeNs !== modifiedNs) throw new SourceChanged(source)
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

function finish(
  file: IndexFile,
  reader: MemberReader,
  packed: { sizes: number[]; gz: Hash },
  end: number,
): void {
  Object.assign(file, reader.facts())
  file.end = end
  file.blocks = encodeBlocks(packed.sizes)
  file.gz_sha256 = packed.gz.update(EOF_BLOCK).digest('hex')
}
