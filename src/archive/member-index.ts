/**
 * The member index: what lies where in an archive, in one JSON file beside it (`<archive>.index.json`, specified in `docs/format.md`).
 *
 * With it every form of an asset comes from the one archive on disk: files with byte ranges, archives with other names, digests
 * of all of them. An index counts only for the archive whose length it names; a reader of a later version leaves it alone.
 */
import type { Static } from '@sinclair/typebox'
import { Type } from '../domain/schema.ts'
import { conforms } from '../domain/schema-check.ts'
import type { FastaFacts } from '../genomics/fasta-scan.ts'

/** What the index of an archive is called: the archive's name with this behind it. */
export const INDEX_SUFFIX = '.index.json'

/** Bytes of the archive that one chunk hash stands for. */
export const CHUNK_SIZE = 4 * 1024 * 1024

// An md5 in hex and the first 24 bytes of a SHA-512 in base64url have the same length.
const DIGEST_TEXT = 32

const bytes = Type.Integer({ minimum: 0 })
const sha256 = Type.String({ pattern: '^[0-9a-f]{64}$' })
const md5 = Type.String({ pattern: '^[0-9a-f]{32}$' })
const integers = Type.Array(bytes)

const DIGESTS = { size: bytes, md5, sha256 }

const FASTA = Type.Object({
  /** Level-0 digest of the sequence collection (GA4GH seqcol 1.0). */
  sequence_collection: Type.String(),
  /** Why there is no `.fai`: what samtools would refuse. */
  fai_problem: Type.Optional(Type.String()),
  /** Names of the sequences, one a line: texts of fixed form are read far faster than arrays. */
  names: Type.String(),
  /** Columns of the `.fai`: bases, byte offset of the first base, bases and bytes of a line. */
  lengths: integers,
  offsets: integers,
  line_bases: integers,
  line_widths: integers,
  /** Letters of each sequence; the refget digests over them, 32 characters each without anything between. */
  refget_lengths: integers,
  md5: Type.String(),
  sha512t24u: Type.String(),
})

const FILE = Type.Object({
  type: Type.Literal('file'),
  path: Type.String(),
  size: bytes,
  executable: Type.Optional(Type.Boolean()),
  sha256,
  md5,
  /** Registry path of the asset a link led to whose file is packed here. */
  linked: Type.Optional(Type.String()),
  /** Where the blocks of the content are in the archive: 0-based, half-open. */
  start: bytes,
  end: bytes,
  /** Length of each block less one, 16 bits little-endian, as base64. */
  blocks: Type.String(),
  /** CRC-32 of each block, 32 bits little-endian, as base64: only where files lie loose, and are compared with it while they are read. */
  crc32: Type.Optional(Type.String()),
  /** Digest of the blocks with the end block: the member as a `.gz` file. */
  gz_sha256: sha256,
  fasta: Type.Optional(FASTA),
})

const FOLDER = Type.Object({ type: Type.Literal('folder'), path: Type.String() })

const LINK = Type.Object({
  type: Type.Literal('link'),
  path: Type.String(),
  target: Type.String(),
})

const INDEX = Type.Object({
  format: Type.Literal('refdepot-member-index'),
  version: Type.Literal(1),
  archive: Type.Object({ ...DIGESTS, chunk_size: bytes, chunks: Type.Array(sha256) }),
  compressors: Type.Record(
    Type.String(),
    Type.Object({ name: Type.String(), version: Type.String(), strategy: Type.String() }),
  ),
  /** Digest of the genome: what other views put a name for. */
  genome: Type.String(),
  asset: Type.String(),
  tag: Type.String(),
  /** Entries in the order of the archive, paths below its top folder. */
  entries: Type.Array(Type.Union([FILE, FOLDER, LINK])),
  /** Folder of the store in which the files lie as they are: nobody has written the archive, it is put together while it is read. */
  loose: Type.Optional(Type.String()),
  views: Type.Object({
    /** Alias → the archive with alias-named files that API v1 and v2 serve. */
    legacy: Type.Record(Type.String(), Type.Object(DIGESTS)),
    /** The archive of refgenie 1.x; absent while the genome's sequence collection is not known. */
    v4: Type.Optional(
      Type.Object({ ...DIGESTS, asset_digest: sha256, sequence_collection: Type.String() }),
    ),
  }),
  /** Archives that this one took the place of: their digests stay known. */
  replaces: Type.Array(Type.Object({ ...DIGESTS, form: Type.String() })),
})

/** An index as it lies on disk. */
export type MemberIndex = Static<typeof INDEX>

/** One entry of an index. */
export type IndexEntry = MemberIndex['entries'][number]

/** A file in an index. */
export type IndexFile = Static<typeof FILE>

/** What is known of the sequences of a FASTA file. */
export type FastaColumns = Static<typeof FASTA>

/** Length and digests of an archive or one of its views. */
export interface ViewDigests {
  readonly size: number
  readonly md5: string
  readonly sha256: string
}

/** The text of an index file. */
export function formatIndex(index: MemberIndex): string {
  return `${JSON.stringify(index)}\n`
}

/** Reads an index; undefined for anything that is no index of this version. */
export function parseIndex(text: string): MemberIndex | undefined {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  return conforms(INDEX, value) ? value : undefined
}

/** Lengths of blocks as an index keeps them. */
export function encodeBlocks(sizes: readonly number[]): string {
  const buffer = Buffer.allocUnsafe(sizes.length * 2)
  sizes.forEach((size, i) => {
    buffer.writeUInt16LE(size - 1, i * 2)
  })
  return buffer.toString('base64')
}

/** Checksums of blocks as an index keeps them. */
export function encodeChecksums(checksums: readonly number[]): string {
  const buffer = Buffer.allocUnsafe(checksums.length * 4)
  checksums.forEach((checksum, i) => {
    buffer.writeUInt32LE(checksum, i * 4)
  })
  return buffer.toString('base64')
}

/** The CRC-32 of each block of a file; the inverse of {@link encodeChecksums}. Empty for a file that does not lie loose. */
export function blockChecksumsOf(file: IndexFile): Uint32Array {
  const bytes = Buffer.from(file.crc32 ?? '', 'base64')
  return Uint32Array.from({ length: bytes.length / 4 }, (_, i) => bytes.readUInt32LE(i * 4))
}

/**
 * Where each block of a file begins in the archive, with the end of the last one: one number more than there are blocks.
 */
export function blockOffsets(file: IndexFile): Float64Array {
  const sizes = Buffer.from(file.blocks, 'base64')
  const offsets = new Float64Array(sizes.length / 2 + 1)
  let at = file.start
  offsets[0] = at
  for (let i = 0; i < sizes.length; i += 2) {
    at += sizes.readUInt16LE(i) + 1
    offsets[i / 2 + 1] = at
  }
  return offsets
}

/** The files of an index. */
export function filesOf(index: MemberIndex): IndexFile[] {
  return index.entries.filter(entry => entry.type === 'file')
}

/** What an index keeps of the sequences of a FASTA file, as the scan found it. */
export function fastaFactsOf(columns: FastaColumns): FastaFacts {
  const names = columns.lengths.length === 0 ? [] : columns.names.split('\n')
  const digest = (all: string, i: number) => all.slice(i * DIGEST_TEXT, (i + 1) * DIGEST_TEXT)
  return {
    sequenceCollection: columns.sequence_collection,
    ...(columns.fai_problem !== undefined && { faiProblem: columns.fai_problem }),
    sequences: columns.lengths.map((length, i) => ({
      name: names[i] as string,
      length,
      offset: columns.offsets[i] as number,
      lineBases: columns.line_bases[i] as number,
      lineWidth: columns.line_widths[i] as number,
      refgetLength: columns.refget_lengths[i] as number,
      md5: digest(columns.md5, i),
      sha512t24u: digest(columns.sha512t24u, i),
    })),
  }
}

/** The columns an index keeps of a FASTA file; the inverse of {@link fastaFactsOf}. */
export function fastaColumnsOf({ sequences, ...facts }: FastaFacts): FastaColumns {
  return {
    sequence_collection: facts.sequenceCollection,
    ...(facts.faiProblem !== undefined && { fai_problem: facts.faiProblem }),
    names: sequences.map(s => s.name).join('\n'),
    lengths: sequences.map(s => s.length),
    offsets: sequences.map(s => s.offset),
    line_bases: sequences.map(s => s.lineBases),
    line_widths: sequences.map(s => s.lineWidth),
    refget_lengths: sequences.map(s => s.refgetLength),
    md5: sequences.map(s => s.md5).join(''),
    sha512t24u: sequences.map(s => s.sha512t24u).join(''),
  }
}
