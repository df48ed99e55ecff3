/** The decoder of blocks without repeats gives what zlib gives, or says that it does not know. */
import { constants, deflateRawSync, inflateRawSync } from 'node:zlib'
import fc from 'fast-check'
import { deflate } from 'libdeflate'
import t from 'tap'
import { BLOCK_PLAIN } from '../../src/archive/block-gzip.ts'
import { inflateLetters } from '../../src/archive/letter-stream.ts'
import { annotation, noise, plainFasta } from '../support/content-shapes.ts'
import { propertySeed } from '../support/property-seed.ts'

const huffman = (plain: Uint8Array, memLevel = 9) =>
  deflateRawSync(plain, { strategy: constants.Z_HUFFMAN_ONLY, level: 6, memLevel })
const stored = (plain: Uint8Array) => deflateRawSync(plain, { level: 0 })

/** What the decoder makes of a stream; undefined when it declines. */
function inflated(deflated: Uint8Array, length: number): Buffer | undefined {
  const plain = Buffer.alloc(length, 0xee)
  return inflateLetters(deflated, plain) ? plain : undefined
}

t.test('sequence comes back, in one deflate block and in many', async t => {
  for (const length of [400, 1000, 65_279, BLOCK_PLAIN]) {
    const plain = plainFasta(70_000, length).subarray(0, length)
    for (const memLevel of [9, 6]) {
      t.ok(inflated(huffman(plain, memLevel), length)?.equals(plain), `${length} ${memLevel}`)
    }
  }
})

t.test('letters that are rare have long codes', async t => {
  const plain = Buffer.alloc(BLOCK_PLAIN, 'ACGT')
  for (let i = 0; i < 200; i += 1) plain[i * 300] = i
  const deflated = huffman(plain)
  t.ok(deflated.length * 2 <= plain.length)
  t.ok(inflated(deflated, plain.length)?.equals(plain))
})

t.test('any letters, as often as they like', async t => {
  const weights = fc.array(fc.tuple(fc.nat(255), fc.integer({ min: 1, max: 3000 })), {
    minLength: 1,
    maxLength: 40,
  })
  await fc.assert(
    fc.property(weights, fc.nat(1000), (runs, seed) => {
      const letters = Buffer.concat(runs.map(([letter, count]) => Buffer.alloc(count, letter)))
      const order = noise(letters.length * 2, seed)
      const plain = Buffer.from(letters)
      for (let i = plain.length - 1; i > 0; i -= 1) {
        const k = order.readUInt16LE(i * 2) % (i + 1)
        ;[plain[i], plain[k]] = [plain[k] as number, plain[i] as number]
      }
      const deflated = huffman(plain)
      const got = inflated(deflated, plain.length)
      // zlib may find that stored bytes or its fixed codes are shorter.
      if (got !== undefined && !got.equals(plain)) throw new Error('other bytes')
      if (got === undefined && deflated.length * 2 <= plain.length && plain.length > 2000) {
        throw new Error('declined')
      }
    }),
    { numRuns: 300, seed: propertySeed(t) },
  )
  t.pass()
})

t.test('stored bytes come back', async t => {
  for (const length of [1, 1000, BLOCK_PLAIN]) {
    const plain = noise(length)
    t.ok(inflated(stored(plain), length)?.equals(plain))
  }
  const two = Buffer.concat([Buffer.from([0, 1, 0, 0xfe, 0xff, 7]), stored(noise(10))])
  t.same(inflated(two, 11), Buffer.concat([Buffer.from([7]), noise(10)]))
})

t.test('stored bytes that are not as their head says are declined', async t => {
  const whole = stored(noise(100))
  for (const length of [2, 4, 5, 50]) t.equal(inflated(whole.subarray(0, length), 1), undefined)
  const cut = Buffer.concat([whole.subarray(0, 60)])
  t.equal(inflated(cut, 50), undefined, 'fewer bytes than announced')
  t.equal(inflated(whole, 99), undefined, 'more bytes than there is room for')
  const other = Buffer.from(whole)
  other[3] = 0
  t.equal(inflated(other, 100), undefined, 'the complement does not match')
})

t.test('what has repeats, fixed codes or packs little is left to zlib', async t => {
  const text = annotation(1000).subarray(0, 50_000)
  t.equal(inflated(deflate(text, 6), text.length), undefined)
  const fixed = deflateRawSync(plainFasta(2000), { strategy: constants.Z_FIXED })
  t.equal(inflated(fixed, inflateRawSync(fixed).length), undefined)
  const bytes = Buffer.from(noise(20_000).map(byte => Math.min(byte, 200)))
  t.equal(inflated(huffman(bytes), bytes.length), undefined)
})

t.test('another length is found out', async t => {
  const plain = plainFasta(20_000)
  const deflated = huffman(plain)
  for (const length of [plain.length - 1, plain.length + 1, plain.length - 500]) {
    t.equal(inflated(deflated, length), undefined)
  }
})

t.test('broken streams end, and never as what they were', async t => {
  const plain = plainFasta(5000)
  const deflated = huffman(plain)
  for (let length = 0; length < deflated.length; length += 1) {
    if (inflated(deflated.subarray(0, length), plain.length) !== undefined)
      t.fail(`cut at ${length}`)
  }
  await fc.assert(
    fc.property(fc.nat(deflated.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
      const broken = Buffer.from(deflated)
      broken[at] = (broken[at] as number) ^ change
      const got = inflated(broken, plain.length)
      let wanted: Buffer | undefined
      try {
        wanted = inflateRawSync(broken)
      } catch {}
      // What both can read is the same. (Checksums are compared by the caller.)
      if (got !== undefined && wanted !== undefined && !got.equals(wanted))
        throw new Error('differs')
    }),
    { numRuns: 1000, seed: propertySeed(t) },
  )
  t.equal(inflated(Uint8Array.of(5, 0, 0, 0, 0, 0, 0), 1000), undefined, 'a code without codes')
  const random = fc.uint8Array({ minLength: 3, maxLength: 400 })
  await fc.assert(
    fc.property(random, bytes => void inflated(Uint8Array.of(5, ...bytes), 1000)),
    { numRuns: 1000, seed: propertySeed(t) },
  )
  t.pass()
})
