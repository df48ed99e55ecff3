/** Objects that others send in parts, to a real store. */
import { createHash, randomBytes } from 'node:crypto'
import t, { type Test } from 'tap'
import { memoryBlob } from '../../src/storage/blob.ts'
import { connectS3 } from '../../src/storage/s3-client.ts'
import { S3Store } from '../../src/storage/s3-store.ts'
import { S3Uploads } from '../../src/storage/s3-uploads.ts'
import { S3Writer } from '../../src/storage/s3-writer.ts'
import type { ByteRange } from '../../src/storage/store.ts'
import { startS3 } from '../support/peers/versitygw.ts'
import { uploadsContract } from '../support/uploads-contract.ts'

async function place(t: Test) {
  const s3 = await startS3(t)
  const client = connectS3(s3.env)
  t.teardown(() => client.destroy())
  const location = { bucket: s3.bucket, prefix: 'refs' }
  return {
    store: new S3Store(client, location),
    writer: new S3Writer(client, location),
    uploads: new S3Uploads({ client, location, forClients: client }),
    hidden: new S3Uploads({ client, location }),
  }
}

uploadsContract(t, place)

t.test('a client sends parts to the store itself, and nothing else', async t => {
  const { uploads, store, hidden } = await place(t)
  const upload = await uploads.begin('archives/x.tgz')
  const body = randomBytes(6_000_000)
  const sha256 = createHash('sha256').update(body).digest('hex')
  const address = await uploads.partAddress(upload, 1, sha256, 60)
  if (address === undefined) throw new Error('clients reach this store')
  // A store that refuses need not read a long body.
  const little = body.subarray(0, 100)
  const put = (content: Buffer, headers = address.headers, url = address.url) =>
    fetch(url, { method: 'PUT', body: new Uint8Array(content), headers })
  t.equal((await put(randomBytes(6_000_000))).status, 400, 'other bytes')
  t.equal((await put(little, {})).status, 403, 'without the digest it is not what was signed')
  t.equal(
    (await put(little, address.headers, address.url.replace('partNumber=1', 'partNumber=2')))
      .status,
    403,
  )
  t.same(await uploads.parts(upload), [])
  t.equal((await put(body)).status, 200)
  await uploads.complete(upload)
  t.equal((await store.identify('archives/x.tgz'))?.size, body.length)
  const short = await uploads.partAddress(await uploads.begin('y'), 1, sha256, 1)
  await new Promise(done => setTimeout(done, 2500))
  t.equal((await put(little, short?.headers, short?.url)).status, 403, 'its time is over')
  t.equal(await hidden.partAddress(upload, 1, sha256, 60), undefined)
})

t.test('an upload that somebody else ends meanwhile is begun anew', async t => {
  const { uploads, store, writer } = await place(t)
  const content = randomBytes(20_000_000)
  const source = {
    ...memoryBlob(content, 'application/octet-stream'),
    key: 'x',
    modifiedMs: 0,
    inode: '',
    bytes: async ({ start, end }: ByteRange) => content.subarray(start, end),
  }
  let ended: Promise<number> | undefined
  const end = async () => {
    const begun = await uploads.begunBefore(new Date(Date.now() + 60_000))
    for (const upload of begun) await uploads.abort(upload)
    return begun.length
  }
  // Nobody sends a part while it is ended: what a store says in the middle of one is its own affair.
  const sent = await writer.upload('archives/x.tgz', source, async () => {
    ended ??= end()
    await ended
  })
  t.equal(await ended, 1)
  t.equal(sent.sent, content.length)
  const there = await store.open('archives/x.tgz')
  t.ok((await there?.bytes({ start: 0, end: content.length }))?.equals(content))
})
