/** What every store must do; each store runs the same suite. */
import { setTimeout as wait } from 'node:timers/promises'
import type { Test } from 'tap'
import type { Store } from '../../src/storage/store.ts'

/** A store under test, with a way to put things into it from outside. */
export interface StoreUnderTest {
  readonly store: Store
  put(key: string, content: Buffer | string): Promise<void>
  remove(key: string): Promise<void>
}

/** What stores may do in different ways. */
export interface StoreKind {
  /** False for a store that keeps no open files: what was replaced cannot be read any more, but is never mixed up. */
  readonly keepsOpened: boolean
}

/** Runs the contract; `make` gives an empty store. */
export function storeContract(
  t: Test,
  make: (t: Test) => Promise<StoreUnderTest>,
  { keepsOpened }: StoreKind = { keepsOpened: true },
): void {
  const content = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * 7) % 251))

  t.test('an object is read by range, in pieces and as a stream', async t => {
    const { store, put } = await make(t)
    await put('a/b.bin', content)
    const object = await store.open('a/b.bin')
    if (object === undefined) throw new Error('the object is there')
    t.match(object, { key: 'a/b.bin', size: content.length })
    t.same(await object.bytes({ start: 5, end: 9 }), content.subarray(5, 9))
    t.same(await object.bytes({ start: 7, end: 7 }), Buffer.alloc(0))
    const chunks: Buffer[] = await object.stream({ start: 100, end: 299_990 }).toArray()
    t.same(Buffer.concat(chunks), content.subarray(100, 299_990))
    await object.close()
    await object.close()
  })

  t.test('what is not there is undefined, not an error', async t => {
    const { store, put } = await make(t)
    await put('file', 'x')
    for (const key of ['none', 'none/deeper', 'file/below', `${'n'.repeat(300)}`]) {
      t.equal(await store.open(key), undefined)
      t.equal(await store.identify(key), undefined)
    }
    t.same(await store.list('none'), [])
  })

  t.test('an opened object stays the same when its name is given away', async t => {
    const { store, put, remove } = await make(t)
    await put('x', 'first content')
    const object = await store.open('x')
    await remove('x')
    await put('x', 'second, longer content')
    if (object === undefined) throw new Error('the object is there')
    const reading = object.bytes({ start: 0, end: 13 })
    if (keepsOpened) t.equal(String(await reading), 'first content')
    else await t.rejects(reading, { code: 'short-read' })
    await object.close()
  })

  t.test('identity changes when the content does', async t => {
    const { store, put } = await make(t)
    await put('x', 'one')
    const before = await store.identify('x')
    await wait(20)
    await put('x', 'two')
    const after = await store.identify('x')
    t.notSame(before, after)
    t.equal(after?.size, 3)
  })

  t.test('a folder is listed with sizes, in order', async t => {
    const { store, put } = await make(t)
    await put('top/b', '22')
    await put('top/a/c', '1')
    await put('top/A', '')
    await put('other', 'x')
    t.same(await store.list('top'), [
      { path: 'A', size: 0 },
      { path: 'a/c', size: 1 },
      { path: 'b', size: 2 },
    ])
  })

  t.test('keys cannot climb out', async t => {
    const { store } = await make(t)
    for (const key of ['../x', 'a/../../x', '/etc/passwd', 'a\0b']) {
      await t.rejects(store.open(key), { code: 'outside-root' })
      await t.rejects(store.identify(key), { code: 'outside-root' })
      await t.rejects(store.list(key), { code: 'outside-root' })
    }
  })

  t.test('a stream that is given up lets go of its object', async t => {
    const { store, put } = await make(t)
    await put('x', content)
    const object = await store.open('x')
    const stream = object?.stream({ start: 0, end: content.length })
    stream?.destroy()
    await new Promise(done => stream?.once('close', done))
    t.equal(stream?.destroyed, true)
  })
}
