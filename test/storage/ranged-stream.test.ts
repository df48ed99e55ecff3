import { Readable } from 'node:stream'
import t from 'tap'
import { ShortRead, StorageFailed } from '../../src/domain/errors.ts'
import { type Getting, RangedStream } from '../../src/storage/ranged-stream.ts'
import type { ByteRange } from '../../src/storage/store.ts'

const content = Buffer.from(Array.from({ length: 100_000 }, (_, i) => (i * 7) % 251))

/** Answers one request after the other in its own way, then all of them as they should be. */
function answering(...answers: ((range: ByteRange) => Readable)[]): {
  get: Getting
  asked: ByteRange[]
} {
  const asked: ByteRange[] = []
  const get: Getting = async range => {
    asked.push(range)
    const answer =
      answers.shift() ?? (({ start, end }) => Readable.from([content.subarray(start, end)]))
    return answer(range)
  }
  return { get, asked }
}

const read = async (range: ByteRange, get: Getting) =>
  Buffer.concat(await new RangedStream(range, 'x', get).toArray())

t.test('what breaks is taken up again where it broke', async t => {
  const { get, asked } = answering(
    ({ start }) => Readable.from([content.subarray(start, start + 1000)]),
    ({ start }) =>
      Readable.from(
        (async function* () {
          yield content.subarray(start, start + 500)
          throw new Error('reset')
        })(),
      ),
    () => {
      throw new Error('refused')
    },
  )
  t.ok((await read({ start: 10, end: 90_000 }, get)).equals(content.subarray(10, 90_000)))
  t.same(
    asked.map(({ start }) => start),
    [10, 1010, 1510, 1510],
  )
})

t.test('what never comes, is too long, or was replaced fails', async t => {
  const never = async () => Readable.from([])
  await t.rejects(read({ start: 0, end: 10 }, never), {
    code: 'storage-failed',
    path: 'x',
    message: /ended at byte 0 of 10/,
  })
  const long = async () => Readable.from([content])
  await t.rejects(read({ start: 0, end: 10 }, long), {
    code: 'storage-failed',
    message: /too long/,
  })
  let asked = 0
  const gone = async () => {
    asked += 1
    throw new ShortRead('x', 0, 10)
  }
  await t.rejects(read({ start: 0, end: 10 }, gone), { code: 'short-read' })
  t.equal(asked, 1, 'what was replaced does not come back')
  const down = async () => {
    throw new StorageFailed('bucket', new Error('down'))
  }
  await t.rejects(read({ start: 0, end: 10 }, down), { code: 'storage-failed', path: 'bucket' })
})

t.test('an empty range asks for nothing', async t => {
  const { get, asked } = answering()
  t.equal((await read({ start: 5, end: 5 }, get)).length, 0)
  t.same(asked, [])
})

t.test('a reader that goes away lets go of the connection', async t => {
  let signal: AbortSignal | undefined
  const body = new Readable({ read() {} })
  const stream = new RangedStream({ start: 0, end: 10 }, 'x', async (_range, given) => {
    signal = given
    return body
  })
  stream.read()
  await new Promise(done => setTimeout(done, 20))
  stream.on('error', () => {})
  stream.destroy()
  await new Promise(done => setTimeout(done, 20))
  t.equal(signal?.aborted, true)
  t.equal(body.destroyed, true)
})

t.test('a reader that waits holds the store up, and gets everything', async t => {
  const large = Buffer.alloc(8 * 1024 * 1024, 'x')
  const step = 64 * 1024
  let sent = 0
  const body = new Readable({
    read() {
      this.push(sent < large.length ? large.subarray(sent, sent + step) : null)
      sent += step
    },
  })
  const stream = new RangedStream({ start: 0, end: large.length }, 'x', async () => body)
  stream.read()
  await new Promise(done => setTimeout(done, 50))
  t.ok(body.isPaused())
  t.ok(sent < large.length / 2, `${sent} bytes are read ahead`)
  t.ok(Buffer.concat(await stream.toArray()).equals(large))
})
