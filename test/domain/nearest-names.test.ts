import t from 'tap'
import { didYouMean, nearestNames } from '../../src/domain/nearest-names.ts'

t.test('finds what was meant, best first', async t => {
  const names = ['hg19', 'hg38', 'hg38_cdna', 'mm10', 'rCRSd', 'T2T-CHM13']
  t.same(nearestNames('HG38', names), ['hg38', 'hg38_cdna'])
  t.same(nearestNames('hg8', names), ['hg38'])
  t.same(nearestNames('rcrsD', names), ['rCRSd'])
  t.same(nearestNames('t2t-chm31', names), ['T2T-CHM13'])
  t.same(nearestNames('zebrafish', names), [])
  t.same(nearestNames('', ['', 'a', 'bb']), ['', 'a'])
  t.same(nearestNames('ab', ['aa', 'ba', 'ac', 'ad', 'xy']), ['aa', 'ac', 'ad'], 'three at most')
  t.same(nearestNames('x'.repeat(100), ['x'.repeat(64)]), ['x'.repeat(64)])
})

t.test('says it in a sentence', async t => {
  t.equal(didYouMean('zebrafish', ['hg38']), '')
  t.equal(didYouMean('hg3', ['hg38', 'mm10']), '; did you mean hg38?')
  t.equal(didYouMean('bwa', ['bwa_index', 'bwa_mem']), '; did you mean bwa_index or bwa_mem?')
  t.equal(didYouMean('fasat', ['fasta']), '; did you mean fasta?', 'swapped')
})
