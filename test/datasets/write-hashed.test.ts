import { createHash } from 'node:crypto'
import { type FileHandle, open, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { writeHashed } from '../../src/datasets/write-hashed.ts'
import { HASHER } from '../../src/transfer/file-hasher.ts'
import { noise } from '../support/content-shapes.ts'

const MIB = 1024 ** 2
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

async function* inChunks(bytes: Buffer, length: number) {
  for (let at = 0; at < bytes.length; at += length) yield bytes.subarray(at, at + length)
}

/** Writes into a new file that should have `size` bytes. */
async function written(
  t: Test,
  size: number,
  content: AsyncIterable<Uint8Array>,
  change: (handle: FileHandle) => FileHandle = handle => handle,
) {
  const path = join(t.testdir(), 'file')
  const handle = await open(path, 'wx')
  const told: number[] = []
  try {
    const file = { path, handle: change(handle), size }
    const digest = await writeHashed(file, content, bytes => told.push(bytes))
    return { digest, bytes: await readFile(path), told: told.reduce((a, b) => a + b, 0) }
  } finally {
    await handle.close()
  }
}

t.test('every byte is written and hashed, whatever pieces it comes in', async t => {
  for (const size of [0, 1, MIB - 1, MIB, MIB + 1, 2 * MIB, 9 * MIB + 5]) {
    const bytes = noise(size)
    for (const chunk of [65_536, MIB - 1, 3 * MIB + 1]) {
      const found = await written(t, size, inChunks(bytes, chunk))
      const why = `${size} bytes in chunks of ${chunk}`
      t.equal(found.digest, sha256(bytes), why)
      t.ok(found.bytes.equals(bytes), why)
      t.equal(found.told, size, why)
    }
  }
})

t.test('a large file is hashed beside, while more of it comes', async t => {
  const bytes = noise(9 * MIB)
  let wasRunning = false
  async function* slowly() {
    for await (const chunk of inChunks(bytes, MIB)) {
      wasRunning = HASHER.isRunning
      yield chunk
    }
  }
  t.equal((await written(t, bytes.length, slowly())).digest, sha256(bytes))
  t.ok(wasRunning)
})

t.test('another length is no digest, and nothing beyond it is written', async t => {
  for (const size of [100, 9 * MIB]) {
    const long = await written(t, size, inChunks(noise(size + 1), 10_000))
    t.equal(long.digest, undefined)
    t.ok(long.bytes.length <= size)
    t.equal((await written(t, size, inChunks(noise(size - 1), 10_000))).digest, undefined)
  }
})

t.test('failures of either side are told, and nothing is written behind them', async t => {
  async function* breaking() {
    yield* inChunks(noise(3 * MIB), 65_536)
    throw new Error('the store is gone')
  }
  await t.rejects(written(t, 9 * MIB, breaking()), { message: 'the store is gone' })
  let writes = 0
  const full = () =>
    ({
      writeFile: async () => {
        writes += 1
        throw new Error('the disk is full')
      },
    }) as unknown as FileHandle
  for (const size of [100, 9 * MIB]) {
    writes = 0
    const content = inChunks(noise(size), 65_536)
    await t.rejects(written(t, size, content, full), { message: 'the disk is full' })
    t.equal(writes, 1)
  }
})
