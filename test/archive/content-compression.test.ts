import { createHash } from 'node:crypto'
import { constants, deflateRawSync, gunzipSync } from 'node:zlib'
import fc from 'fast-check'
import t from 'tap'
import { BLOCK_PLAIN, STORED_OVERHEAD } from '../../src/archive/block-gzip.ts'
import { compressSegment } from '../../src/archive/content-compression.ts'
import { SEGMENT_PACKED, SEGMENT_PLAIN } from '../../src/archive/segment-size.ts'
import { annotation, noise, plainFasta, softMaskedFasta } from '../support/content-shapes.ts'
import { propertySeed } from '../support/property-seed.ts'

const md5 = (bytes: Uint8Array) => createHash('md5').update(bytes).digest('hex')
const MEGABYTE = 1_000_000

/** A segment in memory of its own. */
function compressed(plain: Buffer) {
  const into = Buffer.alloc(SEGMENT_PACKED)
  const sizes = compressSegment(plain, into)
  return {
    packed: into.subarray(
      0,
      sizes.reduce((sum, size) => sum + size, 0),
    ),
    sizes,
  }
}

const SHAPES = {
  'plain FASTA': plainFasta(MEGABYTE),
  'soft-masked FASTA': softMaskedFasta(MEGABYTE),
  annotation: annotation(20_000),
  noise: noise(300_000),
  zeros: Buffer.alloc(MEGABYTE),
  'N run in FASTA': Buffer.concat([
    plainFasta(200_000),
    Buffer.alloc(400_000, 'N'),
    plainFasta(200_000),
  ]),
  'text behind noise': Buffer.concat([noise(BLOCK_PLAIN * 2), annotation(5000)]),
  'noise behind FASTA': Buffer.concat([
    plainFasta(BLOCK_PLAIN * 2).subarray(0, BLOCK_PLAIN * 2),
    noise(BLOCK_PLAIN * 2),
  ]),
}

// The bytes that every machine, Node.js version and number of threads must make: a digest is an id.
const GOLDEN: Record<keyof typeof SHAPES, string> = {
  'plain FASTA': '9eee35829d1a33d95bd835ff495408e1',
  'soft-masked FASTA': '8a76dadd88debfcbabef25177f679978',
  annotation: 'e579a322eb884b3271a7939c80600677',
  noise: '7921fddb96cac964acb0f8b1c64bc597',
  zeros: '694a39b8c360a6e470dc2676344e0f65',
  'N run in FASTA': 'a76fe06e5335c2598c73ea2d8af03650',
  'text behind noise': '5147fb32af75926898a3e187c10bb2ff',
  'noise behind FASTA': 'd98006df7837e61d42ddbb580bece428',
}

t.test('every shape of data comes back, and is packed into the same bytes everywhere', async t => {
  for (const [name, plain] of Object.entries(SHAPES)) {
    const { packed, sizes } = compressed(plain)
    t.same(md5(gunzipSync(packed)), md5(plain), name)
    t.equal(sizes.length, Math.ceil(plain.length / BLOCK_PLAIN))
    t.equal(
      sizes.reduce((sum, size) => sum + size, 0),
      packed.length,
    )
    t.equal(md5(packed), GOLDEN[name as keyof typeof SHAPES], name)
  }
})

t.test('the way to compress follows the content', async t => {
  const share = (name: keyof typeof SHAPES) =>
    compressed(SHAPES[name]).packed.length / SHAPES[name].length
  const zlib6 = (name: keyof typeof SHAPES) =>
    deflateRawSync(SHAPES[name], { level: 6 }).length / SHAPES[name].length
  t.ok(share('plain FASTA') < zlib6('plain FASTA') * 0.95, 'Huffman codes win on plain sequence')
  const huffman = deflateRawSync(SHAPES['soft-masked FASTA'], {
    strategy: constants.Z_HUFFMAN_ONLY,
  })
  t.ok(share('soft-masked FASTA') < (huffman.length / MEGABYTE) * 0.9, 'matching on repeats')
  t.ok(share('annotation') < zlib6('annotation') * 1.05, 'and on text')
  t.ok(share('zeros') < 0.002)
  t.ok(share('N run in FASTA') < zlib6('N run in FASTA'), 'a run of N is noticed, and its end too')
  const blocks = Math.ceil(SHAPES.noise.length / BLOCK_PLAIN)
  const stored = SHAPES.noise.length + blocks * STORED_OVERHEAD
  t.equal(compressed(SHAPES.noise).packed.length, stored, 'what cannot be compressed is stored')
  t.ok(share('text behind noise') < 0.75, 'the text behind it is compressed')
})

t.test('any bytes come back', async t => {
  const piece = fc.oneof(
    fc.uint8Array({ maxLength: 70_000 }),
    fc
      .tuple(fc.nat(255), fc.nat(140_000))
      .map(([byte, length]) => new Uint8Array(length).fill(byte)),
    fc.nat(99).map(seed => plainFasta(50_000, seed)),
    fc.nat(99).map(seed => noise(70_000, seed)),
  )
  fc.assert(
    fc.property(fc.array(piece, { minLength: 1, maxLength: 4 }), pieces => {
      const plain = Buffer.concat(pieces).subarray(0, SEGMENT_PLAIN)
      const { packed } = compressed(plain)
      t.ok(plain.length === 0 ? packed.length === 0 : gunzipSync(packed).equals(plain))
    }),
    { numRuns: 40, seed: propertySeed(t) },
  )
})
