import t from 'tap'
import { memoryBlob, sliceBlob, storedBlob } from '../../src/storage/blob.ts'
import { FileStore } from '../../src/storage/file-store.ts'
import { piecewiseBlob } from '../../src/storage/piecewise-blob.ts'

t.test('content in memory is a blob whose ETag is its digest', async t => {
  const blob = memoryBlob('hello', 'text/plain')
  t.match(blob, { size: 5, mediaType: 'text/plain', etag: /^[\w-]{22}$/ })
  t.equal(memoryBlob(Buffer.from('hello'), 'x').etag, blob.etag)
  t.not(memoryBlob('hellO', 'x').etag, blob.etag)
  t.equal(String(await blob.bytes({ start: 1, end: 3 })), 'el')
  t.equal(Buffer.concat(await blob.stream({ start: 0, end: 4 }).toArray()).toString(), 'hell')
  await blob.close()
})

t.test(
  'a stored object is a blob; without a digest its tag is made of size, time and inode',
  async t => {
    const store = new FileStore(t.testdir({ x: 'hello' }))
    const object = await store.open('x')
    if (object === undefined) throw new Error('the file is there')
    const blob = storedBlob(object, { mediaType: 'a/b' })
    t.match(blob, { size: 5, digests: {}, etag: new RegExp(`^5-[0-9a-f]+-${object.inode}$`) })
    t.equal(blob.modified?.getTime(), new Date(object.modifiedMs).getTime())
    t.equal(String(await blob.bytes({ start: 0, end: 2 })), 'he')
    const known = storedBlob(object, { mediaType: 'a/b', etag: 'md5', digests: { md5: 'md5' } })
    t.match(known, { etag: 'md5', digests: { md5: 'md5' } })
    t.equal(String(Buffer.concat(await known.stream({ start: 3, end: 5 }).toArray())), 'lo')
    await blob.close()
  },
)

t.test('a blob of no pieces is empty', async t => {
  const close = async () => {}
  const blob = piecewiseBlob([], { mediaType: 'text/plain', etag: 'x', close })
  t.equal(blob.size, 0)
  t.equal((await blob.bytes({ start: 0, end: 0 })).length, 0)
})

t.test('a part of a blob is a blob of its own', async t => {
  const whole = memoryBlob('0123456789', 'text/plain')
  const part = sliceBlob({ ...whole, modified: new Date(0) }, { start: 2, end: 8 })
  t.match(part, { size: 6, mediaType: 'text/plain', digests: {}, modified: new Date(0) })
  t.not(part.etag, whole.etag)
  t.equal((await part.bytes({ start: 1, end: 3 })).toString(), '34')
  t.equal(Buffer.concat(await part.stream({ start: 0, end: 6 }).toArray()).toString(), '234567')
  t.equal(sliceBlob(whole, { start: 0, end: 1 }).modified, undefined)
  await part.close()
})
