import { randomBytes } from 'node:crypto'
import { type FileHandle, open, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { FileSender, type SenderOptions } from '../../src/storage/file-sender.ts'
import { ReadBuffers } from '../../src/storage/read-buffers.ts'
import { ReadTurns } from '../../src/storage/read-turns.ts'
import { PacedSize, sendingShare, shareSendingAmong } from '../../src/storage/sending-share.ts'

const KIB = 1024
const MIB = 1024 * KIB

/** A chunk that a socket has not written yet: what it was when it came, and how to say that it has gone. */
interface Pending {
  readonly chunk: Buffer
  readonly copy: Buffer
  readonly written: (error?: Error | null) => void
}

/** A socket that writes when the test says so. */
function heldSink() {
  const pending: Pending[] = []
  const write = (chunk: Buffer, written: Pending['written']) => {
    pending.push({ chunk, copy: Buffer.from(chunk), written })
  }
  return { pending, write }
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await turn()
}

async function fileOf(t: Test, content: Buffer, name = 'x'): Promise<FileHandle> {
  const path = join(folderOf(t), name)
  await writeFile(path, content)
  const file = await open(path)
  t.teardown(() => file.close().catch(() => {}))
  return file
}

const folders = new WeakMap<Test, string>()
function folderOf(t: Test): string {
  const folder = folders.get(t) ?? t.testdir({})
  folders.set(t, folder)
  return folder
}

/** A sender over a file, with a pool and turns of its own; it may hold two chunks of 64 KiB. */
function sender(
  file: FileHandle,
  sink: SenderOptions['sink'],
  end: number,
  more: Partial<SenderOptions> = {},
) {
  const told = { ended: 0, errors: [] as Error[] }
  const sent = new FileSender({
    file,
    path: '/x',
    range: { start: 0, end },
    sink,
    share: () => ({ size: 64 * KIB, depth: 2 }),
    ended: () => {
      told.ended += 1
    },
    failed: error => told.errors.push(error),
    buffers: new ReadBuffers(),
    turns: new ReadTurns(3),
    ...more,
  })
  return { sent, told }
}

t.test('buffers come back by size, once, and only so many are kept', async t => {
  const buffers = new ReadBuffers(10)
  const [a, b, c] = [buffers.lend(4), buffers.lend(4), buffers.lend(4)]
  t.equal(new Set([a.bytes, b.bytes, c.bytes]).size, 3, 'nothing is lent twice')
  a.giveBack()
  a.giveBack()
  t.equal(buffers.freeBytes, 4, 'giving back twice is harmless')
  t.equal(buffers.lend(4).bytes, a.bytes)
  t.not(buffers.lend(4).bytes, a.bytes, 'it was free only once')
  b.giveBack()
  c.giveBack()
  t.equal(buffers.freeBytes, 8)
  const other = buffers.lend(6)
  t.equal(other.bytes.length, 6)
  other.giveBack()
  t.equal(buffers.freeBytes, 10, 'as much of another size made room')
  const large = buffers.lend(11)
  large.giveBack()
  t.equal(buffers.freeBytes, 10, 'what is larger than all that may be kept is not kept')
})

t.test('so many read at once, the others in the order they came', async t => {
  const turns = new ReadTurns(2)
  const began: string[] = []
  const asks = Object.fromEntries(
    ['a', 'b', 'c', 'd', 'e'].map(name => [name, () => void began.push(name)]),
  )
  for (const name of ['a', 'b', 'c', 'd', 'e', 'c']) turns.ask(asks[name] as () => void)
  t.same(began, ['a', 'b'])
  turns.withdraw(asks.d as () => void)
  turns.end()
  t.same(began, ['a', 'b', 'c'])
  turns.end()
  t.same(began, ['a', 'b', 'c', 'e'], 'who asked twice waits once, who withdrew does not')
  turns.end()
  turns.end()
  for (const name of ['a', 'b', 'c']) turns.ask(asks[name] as () => void)
  t.same(began.slice(4), ['a', 'b'])
  t.test('a thread stays free for small files', async t => {
    const threads = Number(process.env.UV_THREADPOOL_SIZE) || 4
    let running = 0
    const all = new ReadTurns()
    for (let i = 0; i < 10; i += 1) {
      all.ask(() => {
        running += 1
      })
    }
    t.equal(running, Math.max(1, threads - 1))
  })
})

t.test('what clients hold in memory is flat while they grow in number', async t => {
  t.same(sendingShare(0), { size: 512 * KIB, depth: 4 })
  t.same(sendingShare(1), { size: 512 * KIB, depth: 4 })
  t.same(sendingShare(16), { size: 512 * KIB, depth: 2 })
  t.same(sendingShare(32), { size: 256 * KIB, depth: 2 })
  t.same(sendingShare(64), { size: 128 * KIB, depth: 2 })
  t.same(sendingShare(128), { size: 64 * KIB, depth: 2 })
  t.same(sendingShare(200), { size: 64 * KIB, depth: 1 })
  t.same(sendingShare(10_000), { size: 64 * KIB, depth: 1 })
  for (let streams = 1; streams <= 256; streams += 1) {
    const { size, depth } = sendingShare(streams)
    t.ok(streams * size * depth <= 16 * MIB, `${streams}`)
  }
})

t.test('processes of one server share what its clients may hold', async t => {
  t.teardown(() => shareSendingAmong(1))
  shareSendingAmong(2)
  t.same(sendingShare(1), { size: 512 * KIB, depth: 4 })
  t.same(sendingShare(16), { size: 256 * KIB, depth: 2 })
  for (let streams = 1; streams <= 64; streams += 1) {
    const { size, depth } = sendingShare(streams)
    t.ok(streams * size * depth <= 8 * MIB, `${streams}`)
  }
  shareSendingAmong(64)
  t.same(sendingShare(1), { size: 512 * KIB, depth: 4 }, 'one client has full speed')
})

t.test(
  'a client that takes long for a chunk gets smaller ones, until it is quick again',
  async t => {
    const share = { size: 256 * KIB, depth: 2 }
    const pace = new PacedSize()
    t.equal(pace.within(share), 256 * KIB)
    const after = (ms: number) => {
      pace.took(ms)
      return pace.within(share)
    }
    t.equal(after(50), 256 * KIB)
    t.equal(after(101), 128 * KIB)
    t.equal(after(500), 64 * KIB)
    t.equal(after(500), 64 * KIB, 'never less')
    t.equal(after(50), 64 * KIB)
    t.equal(after(9), 128 * KIB)
    t.equal(after(1), 256 * KIB)
    t.equal(after(1), 256 * KIB, 'never more than the share')
  },
)

t.test('a buffer is read into again only when the socket has written it', async t => {
  const content = randomBytes(MIB)
  const file = await fileOf(t, content)
  const buffers = new ReadBuffers()
  const slow = heldSink()
  const first = sender(file, slow, MIB, { buffers })
  await until(() => slow.pending.length === 2)

  // Others use the same pool meanwhile.
  const other = await fileOf(t, randomBytes(MIB), 'y')
  for (let i = 0; i < 8; i += 1) {
    const { told } = sender(other, { write: (_chunk, written) => written() }, MIB, { buffers })
    await until(() => told.ended === 1)
  }
  t.equal(slow.pending.length, 2, 'no more is read than may be held')
  const received: Buffer[] = []
  while (first.told.ended === 0 || slow.pending.length > 0) {
    await until(() => slow.pending.length > 0)
    for (const { chunk, copy } of slow.pending) t.ok(chunk.equals(copy), 'untouched')
    const { copy, written } = slow.pending.shift() as Pending
    received.push(copy)
    written()
  }
  t.ok(Buffer.concat(received).equals(content))
})

t.test(
  'a chunk of a stopped sender comes back when it is written, and never by itself',
  async t => {
    const file = await fileOf(t, randomBytes(MIB))
    const buffers = new ReadBuffers()
    const sink = heldSink()
    const { sent, told } = sender(file, sink, MIB, { buffers })
    await until(() => sink.pending.length === 2)
    await sent.stop()
    t.equal(buffers.freeBytes, 0, 'the socket may still write from both')
    const held = sink.pending.map(({ chunk }) => chunk.buffer)
    t.notOk(held.includes(buffers.lend(64 * KIB).bytes.buffer))
    sink.pending[0]?.written()
    t.equal(buffers.freeBytes, 64 * KIB)
    t.equal(buffers.lend(64 * KIB).bytes.buffer, held[0] as ArrayBuffer)
    for (let i = 0; i < 20; i += 1) await turn()
    t.equal(sink.pending.length, 2, 'nothing more is handed on')
    t.same(told, { ended: 0, errors: [] })
  },
)

t.test('reads that end after the stop give their buffers and turns back', async t => {
  const file = await fileOf(t, randomBytes(MIB))
  const buffers = new ReadBuffers()
  const turns = new ReadTurns(3)
  const sink = heldSink()
  const { sent } = sender(file, sink, MIB, { buffers, turns })
  // Both reads are under way: no turn of the event loop has passed.
  await sent.stop()
  t.equal(sink.pending.length, 0)
  t.equal(buffers.freeBytes, 128 * KIB)
  let free = 0
  for (let i = 0; i < 3; i += 1) {
    turns.ask(() => {
      free += 1
    })
  }
  t.equal(free, 3)
})

t.test('who stops while it waits for its turn never reads', async t => {
  const turns = new ReadTurns(1)
  turns.ask(() => {})
  const sink = heldSink()
  const { sent } = sender(await fileOf(t, randomBytes(10)), sink, 10, { turns })
  await sent.stop()
  turns.end()
  for (let i = 0; i < 20; i += 1) await turn()
  t.equal(sink.pending.length, 0)
})

t.test('a sink that takes no more is not read for', async t => {
  const sink = heldSink()
  const { sent, told } = sender(await fileOf(t, randomBytes(MIB)), sink, MIB)
  await until(() => sink.pending.length === 2)
  sink.pending[0]?.written(new Error('gone'))
  sink.pending[1]?.written(new Error('gone'))
  for (let i = 0; i < 20; i += 1) await turn()
  t.equal(sink.pending.length, 2)
  t.same(told, { ended: 0, errors: [] }, 'the owner of the sink hears of it by itself')
  await sent.stop()
})

t.test(
  'a file that is shorter than promised fails once, and what is behind is not handed on',
  async t => {
    const buffers = new ReadBuffers()
    const sink = heldSink()
    const file = await fileOf(t, randomBytes(100 * KIB))
    await truncate(join(folderOf(t), 'x'), 100 * KIB)
    const { sent, told } = sender(file, sink, MIB, { buffers })
    await until(() => told.errors.length > 0)
    await sent.stop()
    t.match(told, {
      ended: 0,
      errors: [{ code: 'short-read', message: /^\/x ended at byte 102400/ }],
    })
    t.equal(told.errors.length, 1)
    t.ok(sink.pending.length <= 1)
    for (const { chunk, copy, written } of sink.pending) {
      t.equal(chunk.length, 64 * KIB, 'nothing of a part that did not come wholly')
      t.ok(chunk.equals(copy))
      written()
    }
    // Every buffer is back.
    t.equal(buffers.freeBytes, 128 * KIB)
  },
)

t.test('a read that fails ends the sender with the error of the disk', async t => {
  const file = await fileOf(t, randomBytes(10))
  await file.close()
  const closed = { fd: 1_000_000 } as FileHandle
  const { sent, told } = sender(closed, heldSink(), 10)
  await until(() => told.errors.length > 0)
  t.match(told.errors, [{ code: 'EBADF' }])
  await sent.stop()
})
