/** An S3-compatible bucket as a store, over a real server. */
import { randomFillSync } from 'node:crypto'
import { readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DeleteObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3'
import t, { type Test } from 'tap'
import { connectS3 } from '../../src/storage/s3-client.ts'
import { S3Store } from '../../src/storage/s3-store.ts'
import { type Fault, faultyProxy } from '../support/peers/faulty-proxy.ts'
import { s3Environment, startS3 } from '../support/peers/versitygw.ts'
import { storeContract } from '../support/store-contract.ts'

const content = randomFillSync(Buffer.alloc(3_000_000))

t.test('contract of stores', async t => {
  const server = await startS3(t)
  let next = 0
  const make = async () => {
    const client = connectS3(server.env)
    const prefix = `folder-${next++}`
    const store = new S3Store(client, { bucket: server.bucket, prefix })
    return {
      store,
      put: async (key: string, body: Buffer | string) => {
        await client.send(
          new PutObjectCommand({ Bucket: server.bucket, Key: `${prefix}/${key}`, Body: body }),
        )
      },
      remove: async (key: string) => {
        await client.send(
          new DeleteObjectCommand({ Bucket: server.bucket, Key: `${prefix}/${key}` }),
        )
      },
    }
  }
  storeContract(t, make, { keepsOpened: false })
})

/** An object that is there. */
async function opened(store: S3Store, key: string) {
  const object = await store.open(key)
  if (object === undefined) throw new Error(`${key} is not there`)
  return object
}

async function storeWith(t: Test, faults: Fault[]) {
  const server = await startS3(t)
  const direct = connectS3(server.env)
  await direct.send(new PutObjectCommand({ Bucket: server.bucket, Key: 'big.bin', Body: content }))
  const proxy = await faultyProxy(t, server.endpoint, faults)
  const store = new S3Store(connectS3(s3Environment(proxy.url)), {
    bucket: server.bucket,
    prefix: '',
  })
  return { server, store, seen: proxy.seen }
}

t.test('broken, short and refused answers are taken up again where they broke', async t => {
  const faults: Fault[] = ['broken', 'short', 500, 503, 'broken']
  const { store, seen } = await storeWith(t, faults)
  const object = await opened(store, 'big.bin')
  const chunks: Buffer[] = await object.stream({ start: 1000, end: 2_999_000 }).toArray()
  t.ok(Buffer.concat(chunks).equals(content.subarray(1000, 2_999_000)))
  t.same(faults, [], 'all of them have happened')
  const ranges = seen
    .filter(line => line.startsWith('GET'))
    .map(line => Number(/bytes=(\d+)/.exec(line)?.[1]))
  t.ok(ranges.length >= 5)
  t.same(
    [...ranges].sort((a, b) => a - b),
    ranges,
    'never back to the begin',
  )
  t.ok((ranges.at(-1) as number) > 1_000_000)
})

t.test('a store that stays broken breaks the stream: never a short success', async t => {
  for (const fault of ['broken', 'short', 500] as const) {
    const { store } = await storeWith(
      t,
      Array.from({ length: 1000 }, () => fault),
    )
    const object = await opened(store, 'big.bin')
    const chunks: Buffer[] = []
    const read = async () => {
      for await (const chunk of object.stream({ start: 0, end: content.length })) chunks.push(chunk)
    }
    await t.rejects(read(), { code: 'storage-failed', path: 'big.bin' }, String(fault))
    const got = Buffer.concat(chunks)
    t.ok(
      got.length < content.length && got.equals(content.subarray(0, got.length)),
      'what came is right',
    )
  }
})

t.test('credentials that expire while a stream is read', async t => {
  const renewed = await storeWith(t, ['broken', 403, 'none'])
  const object = await opened(renewed.store, 'big.bin')
  const chunks: Buffer[] = await object.stream({ start: 0, end: content.length }).toArray()
  t.ok(Buffer.concat(chunks).equals(content), 'renewed in time: it goes on')
  const expired = await storeWith(t, ['broken', ...Array.from({ length: 20 }, () => 403 as const)])
  const got: Buffer[] = []
  await t.rejects(
    async () => {
      const stream = (await opened(expired.store, 'big.bin')).stream({
        start: 0,
        end: content.length,
      })
      for await (const chunk of stream) got.push(chunk)
    },
    { code: 'storage-failed', message: /cannot read big.bin/ },
  )
  const all = Buffer.concat(got)
  t.ok(
    all.length < content.length && all.equals(content.subarray(0, all.length)),
    'never a short success',
  )
})

t.test(
  'a store that is slow is waited for; one that sends another state is not believed',
  async t => {
    const slow = await storeWith(t, ['slow'])
    const object = await opened(slow.store, 'big.bin')
    const chunks: Buffer[] = await object.stream({ start: 0, end: content.length }).toArray()
    t.ok(Buffer.concat(chunks).equals(content))
    const other = await storeWith(t, ['other-etag'])
    await t.rejects((await opened(other.store, 'big.bin')).bytes({ start: 5, end: 9 }), {
      code: 'short-read',
    })
  },
)

t.test('a store without ranges is found out', async t => {
  const { store } = await storeWith(
    t,
    Array.from({ length: 20 }, () => 'no-range' as const),
  )
  const object = await opened(store, 'big.bin')
  await t.rejects(object.bytes({ start: 10, end: 20 }), {
    code: 'storage-failed',
    message: /does not answer ranges/,
  })
})

t.test('what is replaced, emptied or gone while it is read fails', async t => {
  const { server, store } = await storeWith(t, [])
  const client = connectS3(server.env)
  const put = (Body: Buffer) =>
    client.send(new PutObjectCommand({ Bucket: server.bucket, Key: 'big.bin', Body }))
  const first = await opened(store, 'big.bin')
  await put(Buffer.from(content).reverse())
  await t.rejects(first.bytes({ start: 0, end: 10 }), { code: 'short-read' })
  const second = await opened(store, 'big.bin')
  for (const name of await readdir(server.folder))
    await rm(join(server.folder, name), { recursive: true })
  await t.rejects(second.bytes({ start: 0, end: 10 }), { code: 'short-read' })
  t.equal(await store.open('big.bin'), undefined)
  await server.stop()
  await t.rejects(
    store.identify('big.bin'),
    { code: 'storage-failed' },
    'a store that is down is never "not there"',
  )
  await t.rejects(store.list('.'), { code: 'storage-failed' })
})

t.test('wrong credentials are a failure, and are not shown', async t => {
  const server = await startS3(t)
  const secret = 'this-is-not-the-secret'
  const store = new S3Store(connectS3({ ...server.env, AWS_SECRET_ACCESS_KEY: secret }), {
    bucket: server.bucket,
    prefix: '',
  })
  await writeFile(join(server.folder, 'x'), 'x')
  await t.rejects(store.identify('x'), { code: 'storage-failed' })
  const error = await store.list('.').catch(it => it)
  t.notMatch(`${error.message} ${JSON.stringify(error)}`, secret)
  const { SPACES_KEY, SPACES_SECRET } = {
    SPACES_KEY: server.env.AWS_ACCESS_KEY_ID,
    SPACES_SECRET: server.env.AWS_SECRET_ACCESS_KEY,
  }
  const { AWS_ACCESS_KEY_ID: _key, AWS_SECRET_ACCESS_KEY: _secret, ...rest } = server.env
  const spaces = new S3Store(connectS3({ ...rest, SPACES_KEY, SPACES_SECRET }), {
    bucket: server.bucket,
    prefix: '',
  })
  t.equal((await spaces.identify('x'))?.size, 1)
})

t.test('many objects are listed page by page', async t => {
  const server = await startS3(t)
  const names = Array.from({ length: 1100 }, (_, i) => `f${String(i).padStart(4, '0')}`)
  const { mkdir } = await import('node:fs/promises')
  await mkdir(join(server.folder, 'many'))
  for (const name of names) await writeFile(join(server.folder, 'many', name), 'x')
  const store = new S3Store(connectS3(server.env), { bucket: server.bucket, prefix: '' })
  t.same(
    (await store.list('many')).map(({ path }) => path),
    names,
  )
})
