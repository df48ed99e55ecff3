/** What an entry of a cache says of itself on disk: never more than is there, and never an older state after a newer one. */
import { randomBytes } from 'node:crypto'
import { type FileHandle, open, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { CacheEntry } from '../../src/storage/cache-entry.ts'
import { CacheFolder } from '../../src/storage/cache-folder.ts'

const PIECE = 1000
const SHAPE = { key: 'p/x', size: 3 * PIECE, modifiedMs: 5, inode: 'a', pieceSize: PIECE }
const bytes = () => randomBytes(PIECE)

interface Held {
  /** True when a flush has come to the disk. */
  readonly isReached: boolean
  goOn(): void
}

/** The next flush to the disk takes until it may go on. */
async function heldFlush(t: Test, folder: string): Promise<Held> {
  const some = await open(folder, 'r')
  const handles = Object.getPrototypeOf(some) as FileHandle
  await some.close()
  const { datasync } = handles
  const back = () => {
    handles.datasync = datasync
  }
  t.teardown(back)
  const held = { isReached: false, goOn: () => {} }
  handles.datasync = async function (this: FileHandle) {
    back()
    await new Promise<void>(done => {
      held.goOn = done
      held.isReached = true
    })
    return datasync.call(this)
  }
  return held
}

const turn = () => new Promise(done => setTimeout(done, 5))

async function reached(held: Held): Promise<void> {
  while (!held.isReached) await turn()
}

async function entryIn(t: Test) {
  const path = t.testdir({})
  const folder = await CacheFolder.open(path, 10 * PIECE)
  const entry = await folder.make(SHAPE)
  const facts = async () => {
    const name = (await readdir(path)).find(it => it.endsWith('.json'))
    return name && JSON.parse(await readFile(join(path, name), 'utf8'))
  }
  return { path, folder, entry, facts, held: await heldFlush(t, path) }
}

t.test('whoever closes a cache waits for what is being written down', async t => {
  const { folder, entry, facts, held } = await entryIn(t)
  await entry.write(0, bytes())
  const first = entry.flush()
  await reached(held)
  let isClosed = false
  const closed = folder.close().then(() => {
    isClosed = true
  })
  for (let i = 0; i < 10; i += 1) await turn()
  t.notOk(isClosed)
  held.goOn()
  await closed
  t.match(await facts(), { present: Buffer.of(1).toString('base64') })
  await first
})

t.test('a slow flush brings no older state back', async t => {
  const { entry, facts, held } = await entryIn(t)
  await entry.write(0, bytes())
  const slow = entry.flush()
  await reached(held)
  await entry.write(1, bytes())
  const second = entry.flush()
  for (let i = 0; i < 10; i += 1) await turn()
  held.goOn()
  await slow
  await second
  t.match(await facts(), { present: Buffer.of(3).toString('base64') })
  await entry.rest()
})

t.test('what is written while others are flushed is not taken for flushed', async t => {
  const { entry, facts, held } = await entryIn(t)
  await entry.write(0, bytes())
  const flushed = entry.flush()
  await reached(held)
  await entry.write(1, bytes())
  held.goOn()
  await flushed
  t.match(await facts(), { present: Buffer.of(1).toString('base64') })
  await entry.rest()
  t.match(await facts(), { present: Buffer.of(3).toString('base64') }, 'with the next one')
})

t.test('an entry that is removed while it is written down is gone', async t => {
  const { path, folder, entry, held } = await entryIn(t)
  await entry.write(0, bytes())
  const flushed = entry.flush()
  await reached(held)
  const removed = folder.drop(entry)
  for (let i = 0; i < 10; i += 1) await turn()
  held.goOn()
  await Promise.all([flushed, removed])
  t.same(await readdir(path), [])
})

t.test('a flush that fails says so, and the next one works', async t => {
  const path = t.testdir({})
  const entry = new CacheEntry(join(path, 'none'), 'x', SHAPE)
  await t.rejects(entry.flush(), { code: 'storage-write-failed' })
  t.equal(await entry.flush(), undefined)
})

t.test('room is promised once, until it is filled or given back', async t => {
  const folder = await CacheFolder.open(t.testdir({}), 1000)
  let fail = (_: Error) => {}
  const first = folder.withRoom(600, () => new Promise((_, failed) => (fail = failed)))
  let isRun = false
  const run = async () => {
    isRun = true
  }
  t.notOk(await folder.withRoom(600, run))
  t.notOk(isRun)
  t.ok(await folder.withRoom(400, run), 'beside it')
  fail(new Error('the origin is away'))
  await t.rejects(first, { message: 'the origin is away' })
  t.ok(await folder.withRoom(1000, run), 'what has failed takes no room')
  t.notOk(await folder.withRoom(1001, run))
})

t.test('what is not used goes only where that makes enough room', async t => {
  const folder = await CacheFolder.open(t.testdir({}), 2500)
  const entries = await Promise.all(
    ['a', 'b'].map(key => folder.make({ ...SHAPE, key, size: PIECE })),
  )
  for (const entry of entries) await folder.withRoom(PIECE, () => entry.write(0, bytes()))
  const [old, used] = entries as [CacheEntry, CacheEntry]
  used.users += 1
  const nothing = async () => {}
  t.notOk(await folder.withRoom(2000, nothing))
  t.notOk(old.isGone)
  t.ok(await folder.withRoom(1500, nothing))
  t.ok(old.isGone && !used.isGone)
  await folder.close()
})
