import { createHash } from 'node:crypto'
import fc from 'fast-check'
import t from 'tap'
import { faiText } from '../../src/genomics/fai.ts'
import { NAME_LIMIT } from '../../src/genomics/fasta-header.ts'
import { FastaScan } from '../../src/genomics/fasta-scan.ts'
import { LineLayout } from '../../src/genomics/line-layout.ts'
import { sequenceCollectionDigest } from '../../src/genomics/sequence-collection.ts'
import { propertySeed } from '../support/property-seed.ts'

const scan = (text: string | Buffer, pieces: readonly number[] = []) => {
  const bytes = Buffer.from(text)
  const scanner = new FastaScan()
  let at = 0
  for (const length of pieces) {
    // The memory of a piece is used again, as a reader does.
    const piece = Buffer.from(bytes.subarray(at, at + length))
    scanner.write(piece)
    piece.fill('>')
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
})

t.test('the sequences of the seqcol suite have its digests', async t => {
  const base = scan('>chrX\nTTGGGGAA\n>chr1\nGGAA\n>chr2\nGCGC\n')
  t.same(
    base.sequences.map(s => s.sha512t24u),
    [
      'iYtREV555dUFKg2_agSJW6suquUyPpMw',
      'YBbVX0dLKG1ieEDCiMmkrTZFt_Z5Vdaj',
      'AcLxtBuKEPk_7PGE_H4dGElwZHCujwH6',
    ],
  )
  t.equal(base.sequenceCollection, 'XZlrcEGi6mlopZ2uD8ObHkQB1d0oDwKk')
  t.equal(sequenceCollectionDigest(base.sequences), base.sequenceCollection)
})

// What `samtools faidx` (htslib 1.16) writes for these files; undefined where it writes nothing, or not what is asked of it.
const FAI: Record<string, string | undefined> = {
  '>a\nACGT\n': 'a\t4\t3\t4\t5\n',
  '>a\nACGT': 'a\t4\t3\t4\t5\n',
  '>a x>y\nACG\nACG\nA\n>b\nA*-C\nAB\n': 'a\t7\t7\t3\t4\nb\t6\t20\t4\t5\n',
  '>a\r\nACGT\r\nAC\r\n>b\r\nA\r\n': 'a\t6\t4\t4\t6\nb\t1\t18\t1\t3\n',
  '>a\n>b\nAC\n': 'b\t2\t6\t2\t3\n',
  '>a\n\n>b\nAC\n': 'b\t2\t7\t2\t3\n',
  '\n>a\nAC\n': 'a\t2\t4\t2\t3\n',
  '\r\n>a\nAC\n': 'a\t2\t5\t2\t3\n',
  '\n\r\n\n>a\nAC\n': 'a\t2\t7\t2\t3\n',
  '> a\nAC\n': 'a\t2\t4\t2\t3\n',
  '>\t a\nAC\n': 'a\t2\t5\t2\t3\n',
  '>a\tdesc\nAC\n': 'a\t2\t8\t2\t3\n',
  '>a\vb\nAC\n': 'a\t2\t5\t2\t3\n',
  '>a\fb\nAC\n': 'a\t2\t5\t2\t3\n',
  '>>a>b\nAC\n': '>a>b\t2\t6\t2\t3\n',
  '>a\u00a0b\nAC\n': 'a\u00a0b\t2\t6\t2\t3\n',
  '>a\u2028b\nAC\n': 'a\u2028b\t2\t7\t2\t3\n',
  '>\ufeffä\nAC\n': '\ufeffä\t2\t7\t2\t3\n',
  '>a\ufffd\nAC\n': 'a\ufffd\t2\t6\t2\t3\n',
  '>a\x1cb\nAC\n': 'a\x1cb\t2\t5\t2\t3\n',
  '>a\nAC \nACG\n': 'a\t5\t3\t2\t4\n',
  '>a\nAé\nACG\n': 'a\t4\t3\t1\t4\n',
  '>a\nA>C\nA\n': 'a\t4\t3\t3\t4\n',
  '>a\n  \n  \nAC\n': 'a\t2\t3\t0\t3\n',
  '>a\nAC\n\n\n>b\nA\n': 'a\t2\t3\t2\t3\nb\t1\t11\t1\t2\n',
  '>a\r\nAC\r\n\r\n\r\n>b\r\nA\r\n': 'a\t2\t4\t2\t4\nb\t1\t16\t1\t3\n',
  '>a\r\n\r\n>b\r\nAC\r\n': 'a\t0\t4\t0\t2\nb\t2\t10\t2\t4\n',
  '>a\nA\n\r\nA\n': 'a\t2\t3\t1\t2\n',
  '>a\nACG\nAC\n\r\n>b\nA\n': 'a\t5\t3\t3\t4\nb\t1\t15\t1\t2\n',
  '>a\n': undefined,
  '>a': undefined,
  '': undefined,
  '\n': undefined,
  '\r': undefined,
  'AC\n>a\nAC\n': undefined,
  ' \n>a\nAC\n': undefined,
  '\r\r\n>a\nAC\n': undefined,
  '>a\nACGT\n\nAC\n': undefined,
  '>a\n\nACGT\n': undefined,
  '>a\nAC\nACG\n': undefined,
  '>a\nAC\nA\nAC\n': undefined,
  '>a\nACG\r\nACGT\r\n': undefined,
  '>a\nACG\nAC\n \n': undefined,
  '>a\nACG\nAC\n\t\n>b\nA\n': undefined,
  '>a\nACG\nAC\n\r': undefined,
  '>a\nAC\n>b x': undefined,
  '>a\rACGT\r': undefined,
  // samtools writes an index for these, but one that does not say what is in the file.
  '>a\nAC\n>a\nGG\n': undefined,
  '>a\n>a\nGG\n': undefined,
  '>\nAC\n': undefined,
  '> \r\nAC\n': undefined,
  '>a\nAC\n>': undefined,
  '>a\0b\nAC\n': undefined,
  '@a\nAC\n+\nII\n': undefined,
}

t.test('the .fai is that of samtools', async t => {
  for (const [text, fai] of Object.entries(FAI)) {
    const facts = scan(text)
    // Escaped: a line separator in the name of an assertion ends the line for tap.
    t.equal(faiText(facts), fai, encodeURI(text))
    t.equal(facts.faiProblem === undefined, fai !== undefined)
  }
})

t.test('a problem names line and sequence, the first one counts', async t => {
  for (const [text, problem] of [
    ['>a\nAC\nACG\n', "line 3 is longer than the lines before it (sequence 'a')"],
    ['>a\nAC\nA\nACG\n', "line 4 follows the end of the sequence by a shorter line (sequence 'a')"],
    ['>b\nA\n\nA\n', "line 4 follows the end of the sequence by an empty line (sequence 'b')"],
    ['>a\nAC\n>a\nGG\n', "line 3 names a sequence twice (sequence 'a')"],
    ['x\n>a\nAC\nACG\n', 'line 1 has text before the first sequence'],
    ['>\nAC\n', 'line 1 has a sequence without name'],
    ['>a\0b\nAC\n', "line 1 has a name with a NUL byte (sequence 'a\0b')"],
    ['>a\r\n>b', "line 2 ends within a header (sequence 'b')"],
    ['>a\n', "line 2 ends without a sequence (sequence 'a')"],
    ['', 'line 1 ends without a sequence'],
  ] as const) {
    t.equal(scan(text).faiProblem, problem)
  }
})

t.test('a name that is no text is a problem, and is kept as far as it can be', async t => {
  const latin1 = scan(Buffer.from('>a\xe4\nAC\n', 'latin1'))
  t.equal(latin1.faiProblem, "line 1 has a name that is not UTF-8 (sequence 'a\ufffd')")
  t.equal(latin1.sequences[0]?.name, 'a\ufffd')
})

t.test('a name is kept up to what a reader of the index can take', async t => {
  const longest = 'n'.repeat(NAME_LIMIT)
  t.equal(scan(`>${longest} x\nAC\n`, [9]).faiProblem, undefined)
  const { faiProblem, sequences } = scan(`>${longest}nn\nAC\n`, [9, NAME_LIMIT - 8, 1])
  t.equal(sequences[0]?.name, longest)
  const shown = 'n'.repeat(100)
  t.equal(faiProblem, `line 1 has a name of more than ${NAME_LIMIT} bytes (sequence '${shown}…')`)
})

t.test('of a header that does not end only the name is kept', async t => {
  const scanner = new FastaScan()
  scanner.write(Buffer.from('>a '))
  const rest = Buffer.alloc(4 * 1024 * 1024, 'x')
  // 640 MiB: more than a text can be in Node.js 20.
  for (let i = 0; i < 160; i += 1) scanner.write(rest)
  t.match(scanner.end(), {
    sequences: [{ name: 'a' }],
    faiProblem: "line 1 ends within a header (sequence 'a')",
  })
})

t.test('lines that a .fai has no number for are a problem', async t => {
  const lines = new LineLayout()
  t.equal(lines.add(2 ** 32 - 2, 2 ** 32 - 1, false), undefined)
  t.equal(new LineLayout().add(2 ** 32 - 1, 2 ** 32, false), 'is longer than an index can say')
  // Lengths themselves go beyond 32 bits.
  t.equal(lines.add(2 ** 32 - 2, 2 ** 32 - 1, false), undefined)
  t.equal(lines.length, 2 ** 33 - 4)
})

t.test('digests are of the letters, also beyond one piece of the hasher', async t => {
  const letters = 'ACGTacgtnN'.repeat(70_001)
  const upper = letters.toUpperCase()
  for (const text of [letters, `${letters}*- 1\r`, letters.replace(/.{61}/g, '$&\n')]) {
    const [sequence] = scan(`>a\n${text}\n`, [5, 300_000]).sequences
    t.equal(sequence?.refgetLength, upper.length)
    t.equal(sequence?.md5, createHash('md5').update(upper).digest('hex'))
  }
})

t.test(
  'digests are there in spite of a problem, those of text before a sequence are not',
  async t => {
    const { sequences, faiProblem } = scan('ACGT\n>a\nA\n\nCGT\nxx\n>b\nACGT\n')
    t.match(faiProblem, /^line 1 /)
    t.match(sequences, [{ refgetLength: 6 }, { md5: 'f1f8f4bf413b16ad135722aa4591043e' }])
  },
)

t.test('where the pieces end changes nothing', async t => {
  const unit = fc.constantFrom('A', 'c', 'N', '*', ' ', '>', '\r', 'ä')
  const line = fc.string({ unit, maxLength: 7 })
  const text = fc.array(fc.tuple(line, fc.constantFrom('\n', '\n', '\r\n', '')), { maxLength: 12 })
  fc.assert(
    fc.property(text, fc.array(fc.nat(5)), fc.boolean(), (lines, pieces, begun) => {
      const fasta = `${begun ? '>x\n' : ''}${lines.map(parts => parts.join('')).join('')}`
      const whole = scan(fasta)
      t.strictSame(scan(fasta, pieces), whole)
      t.strictSame(scan(fasta, Array(Buffer.byteLength(fasta)).fill(1)), whole)
    }),
    { numRuns: 300, seed: propertySeed(t) },
  )
})

t.test('many sequences', async t => {
  const scanner = new FastaScan()
  let fai = ''
  let offset = 0
  for (let i = 0; i < 20_000; i += 1) {
    const header = `>s${i}\n`
    scanner.write(Buffer.from(`${header}ACGT\n`))
    offset += header.length
    fai += `s${i}\t4\t${offset}\t4\t5\n`
    offset += 5
  }
  t.equal(faiText(scanner.end()), fai)
})
