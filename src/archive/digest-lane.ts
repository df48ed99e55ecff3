/**
 * What is computed of bytes in their order, while they pass by: digests, and what is known of sequences.
 *
 * A lane lives in one place, since the state of a hash cannot be handed on; different lanes take the same bytes at the same time. Small
 * things have their lanes here, in the thread of whoever asks; those of large files are on the threads of an `ArchivePool`.
 */
import { createHash } from 'node:crypto'
import { FastaScan } from '../genomics/fasta-scan.ts'
import { ArchiveDigest, ChunkDigests } from './archive-digest.ts'
import { type FastaColumns, fastaColumnsOf, type ViewDigests } from './member-index.ts'

/** What each kind of lane answers at its end. */
export interface LaneResults {
  /** Length, md5 and sha256. */
  readonly digest: ViewDigests
  /** Lowercase hex. */
  readonly sha256: string
  /** sha256 of each chunk of an archive. */
  readonly chunks: string[]
  /** What is known of the sequences of a FASTA file. */
  readonly fasta: FastaColumns
}

/** What a lane computes. */
export type LaneKind = keyof LaneResults

/** Takes bytes in their order. */
export interface Lane<K extends LaneKind> {
  /** The next bytes; they must not change before the answer. Calls need not wait for each other. */
  update(bytes: Uint8Array): Promise<void>
  /** The result; nothing can be added any more. */
  end(): Promise<LaneResults[K]>
  /** Forgets a lane whose result nobody wants; harmless behind its end. */
  drop(): void
}

/** The state of a lane, wherever it lives. */
export interface LaneState {
  update(bytes: Uint8Array): void
  end(): LaneResults[LaneKind]
}

/** Begins a lane in this thread. */
export function laneState(kind: LaneKind): LaneState {
  if (kind === 'digest') return new ArchiveDigest()
  if (kind === 'chunks') return new ChunkDigests()
  if (kind === 'sha256') {
    const hash = createHash('sha256')
    return { update: bytes => void hash.update(bytes), end: () => hash.digest('hex') }
  }
  const scan = new FastaScan()
  return {
    update: bytes => scan.write(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)),
    end: () => fastaColumnsOf(scan.end()),
  }
}

/** A lane in the thread of whoever asks: for what is too small to be sent anywhere. */
export function laneHere<K extends LaneKind>(kind: K): Lane<K> {
  const state = laneState(kind)
  return {
    update: async bytes => state.update(bytes),
    end: async () => state.end() as LaneResults[K],
    drop: () => {},
  }
}
