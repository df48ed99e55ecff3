/** The `.fai` of a FASTA file. */
import type { FastaFacts } from './fasta-scan.ts'

/** The index as `samtools faidx` writes it, without empty sequences; undefined for a file that it would refuse. */
export function faiText({ sequences, faiProblem }: FastaFacts): string | undefined {
  if (faiProblem !== undefined) return undefined
  return sequences
    .filter(s => s.lineWidth > 0)
    .map(s => `${[s.name, s.length, s.offset, s.lineBases, s.lineWidth].join('\t')}\n`)
    .join('')
}
