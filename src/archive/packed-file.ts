/** What is gathered of one file while its segments are read and packed: digests, sequences, blocks. */
import type { LaneMaker } from './archive-output.ts'
import { blockChecksums, EOF_BLOCK } from './block-gzip.ts'
import type { Lane } from './digest-lane.ts'
import { encodeBlocks, encodeChecksums, type IndexFile } from './member-index.ts'

// Files by these names that begin with '>' are scanned for their sequences.
const FASTA_NAME = /\.(?:fa|fasta|fna|ffn|frn|faa|fas|mfa)$/i
const HEADER = 0x3e

/** One file that is packed. */
export class PackedFile {
  readonly #file: IndexFile
  readonly #lane: LaneMaker
  readonly #content: Lane<'digest'>
  readonly #gz: Lane<'sha256'>
  readonly #sizes: number[] = []
  readonly #checksums: number[] | undefined
  #fasta: Lane<'fasta'> | undefined
  #begun = false

  /**
   * @param file - is filled in at the end
   * @param withChecksums - keep the checksums of the blocks: for archives that lie loose
   */
  constructor(file: IndexFile, lane: LaneMaker, withChecksums: boolean) {
    this.#file = file
    this.#lane = lane
    this.#content = lane('digest')
    this.#gz = lane('sha256')
    this.#checksums = withChecksums ? [] : undefined
  }

  /** The next bytes of the file; they must not change before all answers are there. */
  plain(bytes: Uint8Array): Promise<void>[] {
    if (!this.#begun && bytes[0] === HEADER && FASTA_NAME.test(this.#file.path)) {
      this.#fasta = this.#lane('fasta')
    }
    this.#begun = true
    const scanned = this.#fasta?.update(bytes)
    return [this.#content.update(bytes), ...(scanned === undefined ? [] : [scanned])]
  }

  /** The next blocks of the file, as {@link plain}. */
  blocks(packed: Uint8Array, sizes: readonly number[]): Promise<void> {
    for (const size of sizes) this.#sizes.push(size)
    if (this.#checksums !== undefined) this.#checksums.push(...blockChecksums(packed, sizes))
    return this.#gz.update(packed)
  }

  /** All is there: fills in what the index says of the file. */
  async end(): Promise<void> {
    const file = this.#file
    file.blocks = encodeBlocks(this.#sizes)
    const [fasta, content] = [this.#fasta?.end(), this.#content.end()]
    const marked = this.#gz.update(EOF_BLOCK)
    const gz = this.#gz.end()
    const [{ md5, sha256 }, gzSha256, columns] = await Promise.all([content, gz, fasta, marked])
    Object.assign(file, { md5, sha256, gz_sha256: gzSha256, ...(columns && { fasta: columns }) })
    if (this.#checksums !== undefined) file.crc32 = encodeChecksums(this.#checksums)
  }

  /** Forgets what was hashed. */
  drop(): void {
    for (const lane of [this.#content, this.#gz, this.#fasta]) lane?.drop()
  }
}
