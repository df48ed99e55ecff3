/** Blobs of pieces as streams: order, read-ahead, and what is left behind. */
import { once } from 'node:events'
import { setImmediate as turn, setTimeout as wait } from 'node:timers/promises'
import t from 'tap'
import { countStream, nextChunkSize } from '../../src/storage/file-stream.ts'
import { lazyPiece, type Piece, piecewiseBlob } from '../../src/storage/piecewise-blob.ts'
import type { ByteRange } from '../../src/storage/store.ts'
import { noise } from '../support/content-shapes.ts'

const CONTENT = noise(5_000_000)

interface Watched {
  readonly piece: Piece
  readonly asked: (ByteRange & { isPassing: boolean })[]
  /** Reads that have not ended. */
  running: number
  most: number
}

/** A piece that takes a while for its bytes, another one each time. */
function slowPiece(content: Buffer, grain?: number, fail?: number): Watched {
  const watched: Watched = {
    asked: [],
    running: 0,
    most: 0,
    piece: {
      length: content.length,
      ...(grain !== undefined && { grain }),
      bytes: async (range, isPassing) => {
        const turnNumber = watched.asked.push({ ...range, isPassing })
        watched.running += 1
        watched.most = Math.max(watched.most, watched.running)
        await wait((turnNumber * 7) % 5)
        watched.running -= 1
        if (turnNumber === fail) throw new Error('broken')
        return content.subarray(range.start, range.end)
      },
    },
  }
  return watched
}

function blobOf(pieces: readonly Piece[]) {
  const closed: string[] = []
  const blob = piecewiseBlob(pieces, {
    etag: 'x',
    mediaType: 'x/y',
    close: async () => void closed.push('closed'),
  })
  return { blob, closed }
}

async function read(stream: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk)
  return Buffer.concat(chunks)
}

t.test('bytes come in order, however long each read takes', async t => {
  const pieces = Array.from({ length: 500 }, (_, i) => [
    lazyPiece(10, () => Buffer.from(`${i}`.padStart(10, '.'))),
    slowPiece(CONTENT.subarray(i * 100, i * 100 + (i % 7) * 50)).piece,
  ]).flat()
  const large = slowPiece(CONTENT)
  const { blob, closed } = blobOf([...pieces, large.piece])
  const whole = await blob.bytes({ start: 0, end: blob.size })
  t.ok((await read(blob.stream({ start: 0, end: blob.size }))).equals(whole))
  t.ok((await read(blob.stream({ start: 777, end: 60_000 }))).equals(whole.subarray(777, 60_000)))
  t.ok(whole.subarray(-CONTENT.length).equals(CONTENT))
  t.equal(whole.subarray(0, 10).toString(), '.........0')
  t.equal(large.most, 1, 'one read ahead of what is sent, no more')
  await turn()
  t.same(closed, ['closed', 'closed'])
})

t.test('nothing but the range is read, and it is told what is long', async t => {
  const { piece, asked } = slowPiece(CONTENT)
  const { blob } = blobOf([piece])
  await read(blob.stream({ start: 100, end: 2_000_100 }))
  t.equal(asked[0]?.start, 100)
  t.equal(asked.at(-1)?.end, 2_000_100)
  t.ok(asked.every(({ isPassing }) => isPassing))
  await read(blob.stream({ start: 0, end: 200_000 }))
  t.match(asked.at(-1), { start: 0, end: 200_000, isPassing: false })
})

t.test('cuts lie where nothing is made twice', async t => {
  const grain = 65_280
  const { piece, asked } = slowPiece(CONTENT, grain)
  const { blob } = blobOf([lazyPiece(11, () => Buffer.alloc(11)), piece])
  await read(blob.stream({ start: 500, end: blob.size }))
  for (const { end } of asked.slice(0, -1)) t.equal(end % grain, 0)
  const counted = Array.from({ length: 200 }, countStream)
  t.equal(nextChunkSize(), 64 * 1024)
  asked.length = 0
  await read(blob.stream({ start: 0, end: 300_000 }))
  for (const { start, end } of asked.slice(0, -1)) t.equal(end - start, grain)
  const coarse = slowPiece(CONTENT, 100_000)
  await read(blobOf([coarse.piece]).blob.stream({ start: 50_000, end: 250_000 }))
  t.same(
    coarse.asked.map(({ end }) => end),
    [100_000, 200_000, 250_000],
  )
  for (const end of counted) end()
})

t.test('a reader that waits has one part read ahead; with many of them nobody has', async t => {
  const alone = slowPiece(CONTENT)
  const stream = blobOf([alone.piece]).blob.stream({ start: 0, end: CONTENT.length })
  await once(stream, 'readable')
  await wait(50)
  t.equal(alone.asked.length, 2)
  stream.destroy()
  const counted = Array.from({ length: 200 }, countStream)
  const crowded = slowPiece(CONTENT)
  const other = blobOf([crowded.piece]).blob.stream({ start: 0, end: CONTENT.length })
  await once(other, 'readable')
  await wait(50)
  t.ok(crowded.asked.length <= 2)
  t.ok(crowded.asked.every(({ start, end }) => end - start === 64 * 1024))
  other.destroy()
  for (const end of counted) end()
})

t.test('who leaves, at any time, leaves nothing behind', async t => {
  const before = nextChunkSize()
  for (const delay of [-1, 0, 1, 5, 20]) {
    const watched = slowPiece(CONTENT)
    const { blob, closed } = blobOf([watched.piece])
    const stream = blob.stream({ start: 0, end: CONTENT.length })
    if (delay >= 0) stream.resume()
    if (delay > 0) await wait(delay)
    stream.destroy()
    if (!stream.closed) await once(stream, 'close')
    await turn()
    for (let i = 0; i < 100 && closed.length === 0; i += 1) {
      t.ok(watched.running > 0, 'the source is kept only for a read that has not ended')
      await wait(1)
    }
    t.equal(watched.running, 0, 'nothing is read from a source that is closed')
    t.same(closed, ['closed'])
  }
  t.equal(nextChunkSize(), before)
})

t.test(
  'a read that fails breaks the stream, also one that was ahead, and what came before is sound',
  async t => {
    for (const fail of [1, 2, 4]) {
      const watched = slowPiece(CONTENT, undefined, fail)
      const { blob, closed } = blobOf([watched.piece])
      const chunks: Buffer[] = []
      const stream = blob.stream({ start: 0, end: CONTENT.length })
      stream.on('data', (chunk: Buffer) => chunks.push(chunk))
      const [error] = await once(stream, 'error').then(
        () => [undefined],
        reason => [reason],
      )
      t.equal(error, undefined)
      const got = Buffer.concat(chunks)
      t.ok(got.length < CONTENT.length)
      t.ok(got.equals(CONTENT.subarray(0, got.length)))
      await turn()
      t.same(closed, ['closed'])
    }
    const left = slowPiece(CONTENT, undefined, 2)
    const { blob } = blobOf([left.piece])
    const stream = blob.stream({ start: 0, end: CONTENT.length })
    await once(stream, 'readable')
    await wait(20)
    stream.destroy()
    await once(stream, 'close')
    t.equal(left.asked.length, 2, 'the one that failed was never waited for')
  },
)
