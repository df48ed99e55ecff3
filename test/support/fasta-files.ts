/** An indexed FASTA, plain and as block gzip with its indexes, as samtools and bgzip lay them out. */
import { deflateRawSync } from 'node:zlib'
import { BLOCK_PLAIN, blockOf, EOF_BLOCK } from '../../src/archive/block-gzip.ts'

const LINE = 60
const HEADER = '>chrA made here\n'

/** `/x.fa`, `/x.fa.fai`, `/x.fa.gz`, `/x.fa.gz.fai`, `/x.fa.gz.gzi`: one sequence `chrA`. */
export function fastaFiles(bases: number): Record<string, Buffer> {
  let state = 1
  const letters = Array.from({ length: bases }, () => {
    // Any sequence that does not compress to nothing (Numerical Recipes' generator).
    state = (state * 1_664_525 + 1_013_904_223) >>> 0
    return 'ACGT'[state >>> 30]
  }).join('')
  const lines = letters.match(/.{1,60}/g) ?? []
  const plain = Buffer.from(`${HEADER}${lines.join('\n')}\n`)
  const fai = Buffer.from(`chrA\t${bases}\t${HEADER.length}\t${LINE}\t${LINE + 1}\n`)
  return {
    '/x.fa': plain,
    '/x.fa.fai': fai,
    '/x.fa.gz.fai': fai,
    ...blockGzip(plain),
  }
}

function blockGzip(plain: Buffer): Record<string, Buffer> {
  const blocks: Buffer[] = []
  const table: bigint[] = []
  let packed = 0
  for (let at = 0; at < plain.length; at += BLOCK_PLAIN) {
    if (at > 0) table.push(BigInt(packed), BigInt(at))
    const chunk = plain.subarray(at, at + BLOCK_PLAIN)
    const block = blockOf(deflateRawSync(chunk), chunk)
    blocks.push(block)
    packed += block.length
  }
  const gzi = Buffer.alloc(8 + table.length * 8)
  gzi.writeBigUInt64LE(BigInt(table.length / 2), 0)
  for (const [index, value] of table.entries()) gzi.writeBigUInt64LE(value, 8 + index * 8)
  return { '/x.fa.gz': Buffer.concat([...blocks, EOF_BLOCK]), '/x.fa.gz.gzi': gzi }
}
