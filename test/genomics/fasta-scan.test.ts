import fc from 'fast-check'
import t from 'tap'
import { faiText } from '../../src/genomics/fai.ts'
import { FastaScan } from '../../src/genomics/fasta-scan.ts'
import { sequenceCollectionDigest } from '../../src/genomics/sequence-collection.ts'

const scan = (text: string, pieces: readonly number[] = []) => {
  const bytes = Buffer.from(text)
  const scanner = new FastaScan()
  let at = 0
  for (const length of pieces) {
    scanner.write(bytes.subarray(at, at + length))
    at += length
  }
  scanner.write(bytes.subarray(at))
  return scanner.end()
}

t.test('digests are those of the worked examples of GA4GH refget and seqcol', async t => {
  const facts = scan('>alpha desc\nacg\ntN\n>beta\nTTTT\n')
  t.equal(facts.sequenceCollection, 'tvjbGYPiXiwq9KSBKCbdOM5fwXSnL0L-')
  t.match(facts.sequences, [
    {
      name: 'alpha',
      refgetLength: 5,
      sha512t24u: 'ivE7n3B3k0KFXFPcRbTnetzuTIBReQ6e',
      md5: '252fe4e1c9aa67ce660443056dfa3799',
    },
    { name: 'beta', sha512t24u: 'YeK45WBuyEUJSND6me7pH3dS5QPa2a3Q' },
  ])
  const [acgt] = scan('>a\nACGT\n').sequences
  t.equal(acgt?.md5, 'f1f8f4bf413b16ad135722aa4591043e')
  t.equal(acgt?.sha512t24u, 'aKF498dAxcJAqme6QYQ7EZ07-fiw8Kw2')
  t.equal(scan('>a\n>b\nA\n').sequences[0]?.sha512t24u, 'z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXc')
  const base = [
    'iYtREV555dUFKg2_agSJW6suquUyPpMw',
    'YBbVX0dLKG1ieEDCiMmkrTZFt_Z5Vdaj',
    'AcLxtBuKEPk_7PGE_H4dGElwZHCujwH6',
  ]
  const names = ['chrX', 'chr1', 'chr2']
  t.equal(
    sequenceCollectionDigest(
      base.map((sha512t24u, i) => ({ name: names[i] as string, sha512t24u })),
    ),
    'XZlrcEGi6mlopZ2uD8ObHkQB1d0oDwKk',
  )
})

// What `samtools faidx` (htslib 1.16) writes for these files; undefined where it writes nothing.
const FAI: Record<string, string | undefined> = {
  '>a\nACGT\n': 'a\t4\t3\t4\t5\n',
  '>a\nACGT': 'a\t4\t3\t4\t5\n',
  '>a x>y\nACG\nACG\nA\n>b\nA*-C\nAB\n': 'a\t7\t7\t3\t4\nb\t6\t20\t4\t5\n',
  '>a\r\nACGT\r\nAC\r\n>b\r\nA\r\n': 'a\t6\t4\t4\t6\nb\t1\t18\t1\t3\n',
  '>a\n>b\nAC\n': 'b\t2\t6\t2\t3\n',
  '>a\n\n>b\nAC\n': 'b\t2\t7\t2\t3\n',
  '\n>a\nAC\n': 'a\t2\t4\t2\t3\n',
  '> a\nAC\n': 'a\t2\t4\t2\t3\n',
  '>a\tdesc\nAC\n': 'a\t2\t8\t2\t3\n',
  '>a\nAC \nACG\n': 'a\t5\t3\t2\t4\n',
  '>a\nAC\n\n\n>b\nA\n': 'a\t2\t3\t2\t3\nb\t1\t11\t1\t2\n',
  '>a\r\nAC\r\n\r\n\r\n>b\r\nA\r\n': 'a\t2\t4\t2\t4\nb\t1\t16\t1\t3\n',
  '>a\n': undefined,
  '>a': undefined,
  '': undefined,
  'AC\n>a\nAC\n': undefined,
  '>a\nACGT\n\nAC\n': undefined,
  '>a\n\nACGT\n': undefined,
  '>a\nAC\nACG\n': undefined,
  '>a\nAC\nA\nAC\n': undefined,
  '>a\nAC\n>a\nGG\n': undefined,
}

t.test('the .fai is that of samtools', async t => {
  for (const [text, fai] of Object.entries(FAI)) {
    const facts = scan(text)
    t.equal(faiText(facts), fai, JSON.stringify(text))
    t.equal(facts.faiProblem === undefined, fai !== undefined)
  }
})

t.test('a problem names line and sequence, the first one counts', async t => {
  t.equal(scan('>a\nAC\nACG\n').faiProblem, "line 3 has lines of different length (sequence 'a')")
  t.equal(scan('>a\nAC\n>a\nGG\n').faiProblem, "line 3 names a sequence twice (sequence 'a')")
  t.equal(scan('x\n>a\nAC\nACG\n').faiProblem, 'line 1 has text before the first sequence')
  t.equal(scan('>\nAC\n').faiProblem, 'line 1 has a sequence without name')
  t.equal(scan('>a').faiProblem, "line 1 ends within a header (sequence 'a')")
  t.equal(scan('>a\n').faiProblem, 'line 2 ends without a sequence')
})

t.test('where the pieces end changes nothing', async t => {
  const line = fc.string({ unit: fc.constantFrom('A', 'c', 'N', '*', ' ', '>'), maxLength: 7 })
  const text = fc.array(fc.tuple(line, fc.constantFrom('\n', '\r\n', '')), { maxLength: 12 })
  fc.assert(
    fc.property(text, fc.array(fc.nat(5)), (lines, pieces) => {
      const fasta = `>x\n${lines.map(parts => parts.join('')).join('')}`
      t.same(scan(fasta, pieces), scan(fasta))
    }),
    { numRuns: 300 },
  )
})
