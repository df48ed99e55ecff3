/** What every store must do with objects that are sent in parts; each store runs the same suite. */
import { createHash, randomBytes } from 'node:crypto'
import type { Test } from 'tap'
import type { BegunUpload } from '../../src/storage/store-uploads.ts'
import type { WritableStore } from '../../src/storage/store-writer.ts'

const digest = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')

/** Runs the contract; `make` gives an empty store. */
export function uploadsContract(t: Test, make: (t: Test) => Promise<WritableStore>): void {
  const content = randomBytes(17_000_000)

  const send = async ({ uploads }: WritableStore, upload: BegunUpload, numbers: number[]) => {
    const size = uploads.partSize(content.length)
    for (const number of numbers) {
      const offset = (number - 1) * size
      const body = content.subarray(offset, offset + size)
      await uploads.putPart(upload, { number, offset, body, sha256: digest(body) })
    }
  }
  const read = async ({ store }: WritableStore, key: string) => {
    const object = await store.open(key)
    return object?.bytes({ start: 0, end: object.size }).finally(() => object.close())
  }

  t.test('parts come in any order, more than once; then the object is there', async t => {
    const place = await make(t)
    const { uploads } = place
    const upload = await uploads.begin('archives/x/big.tgz')
    t.same(await uploads.parts(upload), [])
    await send(place, upload, [3, 1])
    t.equal(await read(place, upload.key), undefined, 'half of it is nothing')
    await send(place, upload, [1, 2])
    const size = uploads.partSize(content.length)
    t.same(await uploads.parts(upload), [
      { number: 1, size },
      { number: 2, size },
      { number: 3, size: content.length - 2 * size },
    ])
    await uploads.complete(upload)
    t.ok((await read(place, upload.key))?.equals(content))
    await uploads.complete(upload)
    t.same(await uploads.parts(upload), [])
    await uploads.move('archives/x/big.tgz', 'archives/y/other.tgz')
    t.equal(await read(place, 'archives/x/big.tgz'), undefined)
    t.ok((await read(place, 'archives/y/other.tgz'))?.equals(content))
    await uploads.remove('archives/y/other.tgz')
    await uploads.remove('archives/y/other.tgz')
    t.equal(await read(place, 'archives/y/other.tgz'), undefined)
    await t.rejects(uploads.move('none', 'other'), { code: 'storage-write-failed' })
  })

  t.test('a part that is not what was announced is refused', async t => {
    const place = await make(t)
    const { uploads } = place
    const upload = await uploads.begin('x')
    const body = content.subarray(0, 1000)
    await t.rejects(
      uploads.putPart(upload, { number: 1, offset: 0, body, sha256: digest(content) }),
      { code: 'storage-write-failed' },
    )
    t.same(await uploads.parts(upload), [])
    await t.rejects(uploads.complete(upload), { code: 'storage-write-failed' })
  })

  t.test('what was given up is forgotten, and old ones are found', async t => {
    const place = await make(t)
    const { uploads } = place
    const upload = await uploads.begin('a/x')
    await send(place, upload, [1])
    t.same(await uploads.begunBefore(new Date(Date.now() - 60_000)), [])
    t.same(await uploads.begunBefore(new Date(Date.now() + 60_000)), [upload])
    await uploads.abort(upload)
    await uploads.abort(upload)
    t.same(await uploads.begunBefore(new Date(Date.now() + 60_000)), [])
    t.same(await uploads.parts(upload), [])
    await t.rejects(send(place, upload, [1]), { code: 'storage-write-failed' })
    await t.rejects(uploads.complete(upload), { code: 'storage-write-failed' })
  })
}
