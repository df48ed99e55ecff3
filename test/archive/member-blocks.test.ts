/** Blocks of a member: read once, inflated once, checked, and never those of another archive. */
import fc from 'fast-check'
import t from 'tap'
import { BlockCache } from '../../src/archive/block-cache.ts'
import { BLOCK_PLAIN, storedBlock } from '../../src/archive/block-gzip.ts'
import { compressSegment } from '../../src/archive/content-compression.ts'
import { memberBlob } from '../../src/archive/member-blob.ts'
import { encodeBlocks, type IndexFile, type MemberIndex } from '../../src/archive/member-index.ts'
import { SEGMENT_PACKED } from '../../src/archive/segment-size.ts'
import type { ByteRange, StoredObject } from '../../src/storage/store.ts'
import { annotation, noise, plainFasta } from '../support/content-shapes.ts'
import { propertySeed } from '../support/property-seed.ts'

const BLOCKS_OF_TEST = 200

// Letters, repeats and bytes without pattern: every way a block is inflated.
const CONTENT = Buffer.concat([
  plainFasta(20 * BLOCK_PLAIN, 3).subarray(0, 20 * BLOCK_PLAIN),
  annotation(12_000).subarray(0, 5 * BLOCK_PLAIN),
  noise(5 * BLOCK_PLAIN + 1234),
])

/** An archive in memory that counts what is read. */
function archiveOf(plain: Buffer, identity: Partial<StoredObject> = {}) {
  const packed = Buffer.alloc(SEGMENT_PACKED)
  const sizes = compressSegment(plain, packed)
  const length = sizes.reduce((sum, size) => sum + size, 0)
  const bytes = Buffer.concat([Buffer.alloc(1000), packed.subarray(0, length)])
  const file: IndexFile = {
    type: 'file',
    path: 'x.fa',
    size: plain.length,
    sha256: 'a'.repeat(64),
    md5: 'b'.repeat(32),
    start: 1000,
    end: bytes.length,
    blocks: encodeBlocks(sizes),
    gz_sha256: 'c'.repeat(64),
  }
  const reads: ByteRange[] = []
  const object: StoredObject = {
    key: 'g/x__default.tgz',
    size: bytes.length,
    modifiedMs: 1,
    inode: '1',
    stream: () => t.fail('not used') as never,
    bytes: async range => {
      reads.push(range)
      return Buffer.from(bytes.subarray(range.start, range.end))
    },
    close: async () => {},
    ...identity,
  }
  const archive = { object, index: {} as MemberIndex }
  return { archive, file, reads, bytes, sizes }
}

const cacheOf = (blocks: number) => new BlockCache(blocks * BLOCK_PLAIN)

t.test('any ranges at once give their bytes, with much room, little and none', async t => {
  const range = fc
    .tuple(fc.nat(CONTENT.length - 1), fc.oneof(fc.nat(3000), fc.nat(200_000)))
    .map(([start, length]) => ({ start, end: Math.min(CONTENT.length, start + length + 1) }))
  for (const room of [1000, 3, 0]) {
    const { archive, file } = archiveOf(CONTENT)
    const blob = memberBlob(archive, file, cacheOf(room))
    await fc.assert(
      fc.asyncProperty(fc.array(range, { minLength: 1, maxLength: 6 }), async ranges => {
        const got = await Promise.all(ranges.map(one => blob.bytes(one)))
        got.forEach((bytes, i) => {
          const { start, end } = ranges[i] as ByteRange
          if (!bytes.equals(CONTENT.subarray(start, end))) throw new Error(`${start}-${end}`)
        })
      }),
      { numRuns: 60, seed: propertySeed(t) },
    )
    t.pass(`room for ${room} blocks`)
  }
})

t.test(
  'a block that is kept is not read again, and what is kept is kept within bounds',
  async t => {
    const { archive, file, reads } = archiveOf(CONTENT)
    const cache = cacheOf(4)
    const blob = memberBlob(archive, file, cache)
    const range = { start: 100, end: 2 * BLOCK_PLAIN }
    await blob.bytes(range)
    t.equal(reads.length, 1)
    t.ok((await blob.bytes(range)).equals(CONTENT.subarray(100, 2 * BLOCK_PLAIN)))
    t.equal(reads.length, 1)
    for (let at = 0; at < CONTENT.length - 10; at += BLOCK_PLAIN) {
      await blob.bytes({ start: at, end: at + 10 })
    }
    t.equal(cache.weight, 4 * BLOCK_PLAIN)
    await blob.bytes(range)
    t.ok(reads.length > 2, 'it was pushed out')
  },
)

t.test('what is missing is read in one piece, touched blocks and no others', async t => {
  const { archive, file, reads, sizes } = archiveOf(CONTENT)
  const blob = memberBlob(archive, file, cacheOf(BLOCKS_OF_TEST))
  await blob.bytes({ start: 2 * BLOCK_PLAIN, end: 2 * BLOCK_PLAIN + 1 })
  await blob.bytes({ start: 0, end: 5 * BLOCK_PLAIN })
  const end = (blocks: number) => 1000 + sizes.slice(0, blocks).reduce((sum, size) => sum + size, 0)
  t.same(reads, [
    { start: end(2), end: end(3) },
    { start: 1000, end: end(5) },
  ])
  await blob.bytes({ start: BLOCK_PLAIN, end: 6 * BLOCK_PLAIN })
  t.same(reads[2], { start: end(5), end: end(6) })
})

t.test('those who want the same block at once have it read once', async t => {
  const { archive, file, reads } = archiveOf(CONTENT)
  const cache = cacheOf(BLOCKS_OF_TEST)
  const ask = () => memberBlob(archive, file, cache).bytes({ start: 10, end: 20 })
  const answers = await Promise.all(Array.from({ length: 20 }, ask))
  t.ok(answers.every(bytes => bytes.equals(CONTENT.subarray(10, 20))))
  t.equal(reads.length, 1)
})

t.test('who waited for one that fails reads the block on their own', async t => {
  const { archive, file, reads } = archiveOf(CONTENT)
  const cache = cacheOf(BLOCKS_OF_TEST)
  const gone = { ...archive.object, bytes: () => Promise.reject(new Error('closed')) }
  const first = memberBlob({ ...archive, object: gone }, file, cache).bytes({ start: 0, end: 9 })
  const second = memberBlob(archive, file, cache).bytes({ start: 0, end: 9 })
  await t.rejects(first, { message: 'closed' })
  t.ok((await second).equals(CONTENT.subarray(0, 9)))
  t.equal(reads.length, 1)
})

t.test('blocks of an archive that was replaced are not taken for those of the new one', async t => {
  const other = Buffer.from(CONTENT).reverse()
  for (const change of [{ inode: '2' }, { modifiedMs: 2 }, { key: 'other' }]) {
    const cache = cacheOf(BLOCKS_OF_TEST)
    const old = archiveOf(CONTENT)
    const now = archiveOf(other, change)
    await memberBlob(old.archive, old.file, cache).bytes({ start: 0, end: 100 })
    const got = await memberBlob(now.archive, now.file, cache).bytes({ start: 0, end: 100 })
    t.ok(got.equals(other.subarray(0, 100)), JSON.stringify(change))
  }
  const cache = cacheOf(BLOCKS_OF_TEST)
  const old = archiveOf(CONTENT)
  await memberBlob(old.archive, old.file, cache).bytes({ start: 0, end: 100 })
  const indexed = archiveOf(other)
  const file = { ...indexed.file, sha256: 'd'.repeat(64) }
  const got = await memberBlob(indexed.archive, file, cache).bytes({ start: 0, end: 100 })
  t.ok(got.equals(other.subarray(0, 100)), 'another index')
})

t.test(
  'a damaged block breaks each answer until it is repaired, and its neighbours are sound',
  async t => {
    for (const block of [3, 22, 27]) {
      const { archive, file, bytes, sizes } = archiveOf(CONTENT)
      const at = 1000 + sizes.slice(0, block).reduce((sum, size) => sum + size, 0) + 300
      const rot = () => {
        bytes[at] = (bytes[at] as number) ^ 0x10
      }
      const blob = memberBlob(archive, file, cacheOf(BLOCKS_OF_TEST))
      const range = { start: block * BLOCK_PLAIN - 5, end: (block + 1) * BLOCK_PLAIN + 5 }
      rot()
      for (let i = 0; i < 2; i += 1) {
        await t.rejects(blob.bytes(range), { code: 'archive-damaged', message: /x\.fa/ })
      }
      const before = await blob.bytes({ start: range.start, end: range.start + 5 })
      t.ok(before.equals(CONTENT.subarray(range.start, range.start + 5)))
      rot()
      t.ok((await blob.bytes(range)).equals(CONTENT.subarray(range.start, range.end)))
    }
  },
)

t.test('a block of another length than the index says is damage', async t => {
  const { archive, file } = archiveOf(noise(BLOCK_PLAIN))
  const short = storedBlock(Buffer.alloc(BLOCK_PLAIN - 1))
  const object = { ...archive.object, bytes: async () => short }
  const blob = memberBlob({ ...archive, object }, file, cacheOf(1))
  await t.rejects(blob.bytes({ start: 0, end: 9 }), { message: /another length/ })
})

t.test('a stream reads each block once, in order, and leaves what is kept alone', async t => {
  const { archive, file, reads, bytes } = archiveOf(CONTENT)
  const cache = cacheOf(BLOCKS_OF_TEST)
  const blob = memberBlob(archive, file, cache)
  const chunks: Buffer[] = []
  for await (const chunk of blob.stream({ start: 0, end: CONTENT.length })) chunks.push(chunk)
  t.ok(Buffer.concat(chunks).equals(CONTENT))
  t.equal(
    reads.reduce((sum, { start, end }) => sum + end - start, 0),
    bytes.length - 1000,
  )
  t.equal(cache.weight, 0)
})
