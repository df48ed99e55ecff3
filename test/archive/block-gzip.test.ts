import { randomBytes } from 'node:crypto'
import { gunzipSync } from 'node:zlib'
import t from 'tap'
import {
  BLOCK_PLAIN,
  EOF_BLOCK,
  inflateBlock,
  storedBlock,
  storedBlocks,
  storedLength,
} from '../../src/archive/block-gzip.ts'

t.test('stored blocks are gzip members that tell their length and hold at most 64 KiB', async t => {
  for (const size of [0, 1, 511, BLOCK_PLAIN - 1, BLOCK_PLAIN, BLOCK_PLAIN + 1, 200_000]) {
    const plain = randomBytes(size)
    const blocks = storedBlocks(plain)
    t.equal(blocks.length, storedLength(size))
    t.same(size === 0 ? Buffer.alloc(0) : gunzipSync(blocks), plain)
    for (let at = 0; at < blocks.length; ) {
      const length = blocks.readUInt16LE(at + 16) + 1
      t.ok(length <= 65_536)
      at += length
    }
  }
})

t.test('a block gives its bytes back, checked', async t => {
  const plain = randomBytes(1000)
  const block = storedBlock(plain)
  t.same(await inflateBlock(block), plain)
  t.same(await inflateBlock(EOF_BLOCK), Buffer.alloc(0))
  const changed = (at: number) => {
    const copy = Buffer.from(block)
    copy[at] = (copy[at] as number) ^ 1
    return copy
  }
  await t.rejects(inflateBlock(changed(0)), { name: 'BlockBroken', message: /no block/ })
  await t.rejects(inflateBlock(changed(500)), { message: /checksum/ })
  await t.rejects(inflateBlock(changed(19)), { message: /inflated/ })
  await t.rejects(inflateBlock(changed(block.length - 4)), { message: /checksum/ })
  const huge = Buffer.from(block)
  huge.writeUInt32LE(BLOCK_PLAIN + 1, block.length - 4)
  await t.rejects(inflateBlock(huge), { message: /no block/ })
})
