import { mkdir, readdir, readFile, stat, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { openFile } from '../../src/storage/file-store.ts'
import { FolderWriter } from '../../src/storage/folder-writer.ts'
import { openStore, openWritableStore } from '../../src/storage/open-store.ts'
import { parseS3Location } from '../../src/storage/s3-location.ts'
import { PART_SIZE } from '../../src/storage/store-writer.ts'

function writerIn(t: Test) {
  const folder = t.testdir({})
  return { folder, writer: new FolderWriter(folder) }
}

const inode = async (path: string) => String((await stat(path)).ino)

t.test('small objects are written whole, and under conditions', async t => {
  const { folder, writer } = writerIn(t)
  const path = join(folder, 'a/b.json')
  t.equal(await writer.put('a/b.json', 'one', { absent: true }), true)
  t.equal(await writer.put('a/b.json', 'two', { absent: true }), false)
  t.equal(await readFile(path, 'utf8'), 'one')
  const state = await inode(path)
  t.equal(await writer.put('a/b.json', Buffer.from('two'), { state }), true)
  t.equal(await writer.put('a/b.json', 'three', { state: 'another' }), false)
  t.equal(await writer.put('none', 'x', { state: '1' }), false)
  t.equal(await readFile(path, 'utf8'), 'two')
  t.equal(await writer.put('a/b.json', 'four'), true)
  t.same(await readdir(join(folder, 'a')), ['b.json'], 'nothing else is left')
})

t.test('of many that write at once one wins', async t => {
  const { folder, writer } = writerIn(t)
  await writer.put('x', 'first')
  const state = await inode(join(folder, 'x'))
  const wins = await Promise.all(
    Array.from({ length: 20 }, (_, i) => writer.put('x', `${i}`, { state })),
  )
  t.equal(wins.filter(Boolean).length, 1)
  const fresh = await Promise.all(
    Array.from({ length: 20 }, (_, i) => writer.put('y', `${i}`, { absent: true })),
  )
  t.equal(fresh.filter(Boolean).length, 1)
})

t.test('a lock of a process that was killed holds nobody up', async t => {
  const { folder, writer } = writerIn(t)
  await writer.put('x', 'first')
  await writeFile(join(folder, 'x.lock'), '')
  const old = new Date(Date.now() - 60_000)
  await utimes(join(folder, 'x.lock'), old, old)
  t.equal(await writer.put('x', 'second', { state: await inode(join(folder, 'x')) }), true)
})

t.test('a large object is checked part by part, and what is refused is not there', async t => {
  const { folder, writer } = writerIn(t)
  const content = Buffer.alloc(PART_SIZE * 2 + 5, 'x')
  await writeFile(join(folder, 'source'), content)
  const seen: number[] = []
  const source = await openFile(join(folder, 'source'))
  t.same(
    await writer.upload('to/big', source, (part, offset) => {
      seen.push(offset, part.length)
    }),
    {
      sent: content.length,
      kept: 0,
    },
  )
  t.same(seen, [0, PART_SIZE, PART_SIZE, PART_SIZE, PART_SIZE * 2, 5])
  t.ok((await readFile(join(folder, 'to/big'))).equals(content))
  const refuse = () => {
    throw new Error('damaged')
  }
  await t.rejects(writer.upload('to/other', source, refuse), { message: 'damaged' })
  t.same(await readdir(join(folder, 'to')), ['big'])
  await source.close()
})

t.test('a place that cannot be written is told', async t => {
  const { folder, writer } = writerIn(t)
  await writeFile(join(folder, 'file'), '')
  await t.rejects(writer.put('file/below', 'x'), {
    code: 'storage-write-failed',
    path: join(folder, 'file/below'),
  })
  await mkdir(join(folder, 'folder'))
  await t.rejects(writer.put('folder', 'x'), { code: 'storage-write-failed' })
  await t.rejects(writer.put('file/below', 'x', { absent: true }), { code: 'storage-write-failed' })
  const locked = new FolderWriter(join(folder, 'file'))
  await t.rejects(locked.put('x', 'x', { state: '1' }), { code: 'storage-write-failed' })
})

t.test('stores are opened by name', async t => {
  const folder = t.testdir({ x: 'here' })
  t.equal((await (await openStore(folder)).identify('x'))?.size, 4)
  const { store, writer } = await openWritableStore(folder)
  await writer.put('y', 'there')
  t.equal((await store.identify('y'))?.size, 5)
  for (const bad of ['s3://', 's3:bucket', 'S3://bucket/x']) {
    await t.rejects(openStore(bad), {
      code: 'storage-failed',
      message: /no name of a bucket; write s3:\/\/BUCKET\/PREFIX/,
    })
    await t.rejects(openWritableStore(bad), { code: 'storage-failed' })
  }
  // Connecting sends nothing.
  t.ok((await openStore('s3://bucket/prefix')).identify)
  t.ok((await openWritableStore('s3://bucket')).writer)
})

t.test('names of buckets', async t => {
  t.same(parseS3Location('s3://bucket'), { bucket: 'bucket', prefix: '' })
  t.same(parseS3Location('s3://my.bucket-1/a/b/'), { bucket: 'my.bucket-1', prefix: 'a/b' })
  for (const bad of [
    's3://',
    's3://B',
    's3://ab/../x',
    's3://abc/a//b',
    's3://abc/./x',
    's3://abc/a\0',
    '/path',
    'https://abc',
  ]) {
    t.equal(parseS3Location(bad), undefined, JSON.stringify(bad))
  }
})
