/** The `.fai` of a FASTA file. */
import type { FastaFacts } from './fasta-scan.ts'

/**
 * The index as `samtools faidx` writes it (htslib 1.16): a line for each sequence that has lines, with name, bases, byte of
 * the first base (0-based), bases and bytes of a line. Undefined for a file with a `faiProblem`.
 */
export function faiText({ sequences, faiProblem }: FastaFacts): string | undefined {
  if (faiProblem !== undefined) return undefined
  return sequences
    .filter(s => s.lineWidth > 0)
    .map(s => `${[s.name, s.length, s.offset, s.lineBases, s.lineWidth].join('\t')}\n`)
    .join('')
}
