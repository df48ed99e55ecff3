import t from 'tap'
import { BlockCache } from '../../src/archive/block-cache.ts'
import { BLOCK_PLAIN } from '../../src/archive/block-gzip.ts'

const block = (fill: number) => Buffer.alloc(BLOCK_PLAIN, fill)

/** The first byte of a kept block; undefined when it is not kept. */
function peek(cache: BlockCache, key: string): number | undefined {
  const target = Buffer.alloc(1)
  return cache.copy(key, { target, start: 0 }) ? target[0] : undefined
}

t.test('keeps the last blocks that were used, and no more memory than allowed', async t => {
  const cache = new BlockCache(3 * BLOCK_PLAIN + 100)
  for (const i of [1, 2, 3]) cache.keep(`${i}`, block(i))
  t.equal(peek(cache, '1'), 1)
  cache.keep('4', block(4))
  t.equal(peek(cache, '2'), undefined, 'the one that was not used for longest goes')
  t.same([peek(cache, '1'), peek(cache, '3'), peek(cache, '4')], [1, 3, 4])
  for (let i = 5; i < 500; i += 1) cache.keep(`${i}`, block(i & 255))
  t.equal(cache.weight, 3 * BLOCK_PLAIN)
  t.same([peek(cache, '496'), peek(cache, '497'), peek(cache, '499')], [undefined, 241, 243])
})

t.test('takes memory as it is needed', async t => {
  const cache = new BlockCache(1000 * BLOCK_PLAIN)
  t.equal(cache.weight, 0)
  for (let i = 0; i < 64; i += 1) cache.keep(`${i}`, block(i))
  t.equal(cache.weight, 64 * BLOCK_PLAIN)
  cache.keep('64', block(64))
  t.equal(cache.weight, 128 * BLOCK_PLAIN)
  t.same([peek(cache, '0'), peek(cache, '63'), peek(cache, '64')], [0, 63, 64])
})

t.test('a block that is kept again has one place', async t => {
  const cache = new BlockCache(2 * BLOCK_PLAIN)
  cache.keep('a', block(1))
  cache.keep('a', block(2))
  cache.keep('b', block(3))
  t.same([peek(cache, 'a'), peek(cache, 'b')], [2, 3])
})

t.test('copies the bytes that are wanted', async t => {
  const cache = new BlockCache()
  const bytes = Buffer.from(Array.from({ length: BLOCK_PLAIN }, (_, i) => i & 255))
  cache.keep('a', bytes)
  bytes.fill(0)
  const target = Buffer.alloc(3)
  t.ok(cache.copy('a', { target, start: 1000 }))
  t.same([...target], [232, 233, 234])
})

t.test('without room for a block nothing is kept', async t => {
  const cache = new BlockCache(BLOCK_PLAIN - 1)
  cache.keep('a', block(1))
  t.equal(peek(cache, 'a'), undefined)
  t.equal(cache.weight, 0)
})

t.test('who waits for the end of a read is told, also when it failed', async t => {
  const cache = new BlockCache()
  t.equal(cache.reading('a'), undefined)
  cache.begin('a', Promise.reject(new Error('theirs')))
  const end = cache.reading('a')
  t.ok(end)
  t.equal(await end, undefined)
  t.equal(cache.reading('a'), undefined)
})
