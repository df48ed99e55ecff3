import { rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { SmallFiles } from '../../src/archive/small-files.ts'
import { FileStore } from '../../src/storage/file-store.ts'
import { memoryObject } from '../../src/storage/memory-object.ts'
import type { StoredObject } from '../../src/storage/store.ts'

/** A folder with small files in front of it. */
function folderOf(t: Test, files: Record<string, string>, budget?: number) {
  const folder = t.testdir(files)
  const store = new FileStore(folder)
  const small = new SmallFiles<{ readonly object: StoredObject } | undefined>(budget)
  let opened = 0
  const open = (key: string) =>
    small.open(key, async () => {
      opened += 1
      const object = await store.open(key)
      return object && { object }
    })
  const text = async (key: string) => {
    const found = await open(key)
    const bytes = await found?.object.bytes({ start: 0, end: found.object.size })
    await found?.object.close()
    return bytes?.toString()
  }
  return { folder, store, small, open, text, opened: () => opened }
}

t.test('a small file is read once a second, and is always one whole state of it', async t => {
  const { folder, store, open, text, opened } = folderOf(t, { a: 'old bytes' })
  t.equal(await text('a'), 'old bytes')
  const before = await open('a')
  await writeFile(join(folder, 'b'), 'the new ones')
  await rename(join(folder, 'b'), join(folder, 'a'))
  const kept = await open('a')
  t.equal(opened(), 1, 'from memory')
  const { size, modifiedMs, inode, key } = (kept as { object: StoredObject }).object
  t.same([size, key], [9, 'a'])
  t.same(
    [size, modifiedMs, inode],
    [before?.object.size, before?.object.modifiedMs, before?.object.inode],
    'identity and bytes belong together',
  )
  await wait(1100)
  t.equal(await text('a'), 'the new ones')
  const fresh = await open('a')
  t.equal(fresh?.object.inode, (await store.identify('a'))?.inode)
  const parts = await fresh?.object.stream({ start: 4, end: 7 }).toArray()
  t.equal(Buffer.concat(parts ?? []).toString(), 'new')
  await rm(join(folder, 'a'))
  await wait(1100)
  t.equal(await open('a'), undefined, 'removed')
  t.equal(await open('a'), undefined)
  t.equal(opened(), 4, 'what is not there is not kept')
})

t.test('large files and those of other stores pass through', async t => {
  const { open, opened, small } = folderOf(t, {
    large: 'x'.repeat(64 * 1024 + 1),
    edge: 'y'.repeat(64 * 1024),
  })
  for (const key of ['large', 'large', 'edge', 'edge']) await (await open(key))?.object.close()
  t.equal(opened(), 3)
  const made = async () => ({
    object: memoryObject('made', Buffer.from('z'), { modifiedMs: 1, inode: '1' }),
  })
  const before = small.weight
  await small.open('made', made)
  t.equal(small.weight, before)
})

t.test('the budget holds, and what was read first goes first', async t => {
  const names = Array.from({ length: 20 }, (_, i) => `file${i}`)
  const files = Object.fromEntries(names.map(name => [name, name.repeat(100)]))
  const { small, text, opened } = folderOf(t, files, 8 * 1024)
  for (const name of names) {
    t.equal(await text(name), name.repeat(100))
    t.ok(small.weight <= 8 * 1024, `${small.weight}`)
  }
  t.equal(opened(), 20)
  await text('file19')
  t.equal(opened(), 20)
  await text('file0')
  t.equal(opened(), 21)
})

t.test('a file that cannot be read is let go and not kept', async t => {
  const small = new SmallFiles<{ readonly object: StoredObject }>()
  const store = new FileStore(t.testdir({ a: 'bytes' }))
  const shrunk = async () => {
    const object = (await store.open('a')) as StoredObject
    await rm(join(store.root, 'a'))
    await object.close()
    return { object }
  }
  await t.rejects(small.open('a', shrunk))
  t.equal(small.weight, 0)
})
