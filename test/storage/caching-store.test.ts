/** A store with a cache: fetched once, compared before anybody gets it, within a budget, and there when the origin is not. */
import { createHash, randomBytes } from 'node:crypto'
import { readdir, readFile, rename, rm, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { StorageFailed } from '../../src/domain/errors.ts'
import { CacheFolder } from '../../src/storage/cache-folder.ts'
import { type CacheRules, CachingStore } from '../../src/storage/caching-store.ts'
import { memoryObject } from '../../src/storage/memory-object.ts'
import type { Identity, Store, StoredObject } from '../../src/storage/store.ts'
import { randomNumbers } from '../support/content-shapes.ts'
import { propertySeed } from '../support/property-seed.ts'

const PIECE = 1000
const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')
const md5 = (bytes: Buffer) => createHash('md5').update(bytes).digest('hex')

/** An origin in memory that counts what is read of it, and can be made to lie or to be away. */
class Origin implements Store {
  readonly objects = new Map<string, Buffer>()
  readonly reads: string[] = []
  isAway = false
  /** Changes bytes on the way; called for each range that is read. */
  spoil: (bytes: Buffer) => Buffer = bytes => bytes

  async identify(key: string): Promise<Identity | undefined> {
    if (this.isAway) throw new StorageFailed(key, new Error('away'))
    this.reads.push(`identify ${key}`)
    const content = this.objects.get(key)
    return content && { size: content.length, modifiedMs: 5, inode: md5(content) }
  }

  async open(key: string): Promise<StoredObject | undefined> {
    const identity = await this.identify(key)
    this.reads.pop()
    const content = this.objects.get(key)
    if (identity === undefined || content === undefined) return undefined
    const object = memoryObject(key, content, identity)
    return {
      ...object,
      stream: range => {
        this.reads.push(`${key} ${range.start}-${range.end}`)
        const spoiled = this.spoil(Buffer.from(content.subarray(range.start, range.end)))
        return memoryObject(key, spoiled, identity).stream({ start: 0, end: spoiled.length })
      },
    }
  }

  async list() {
    return [...this.objects].map(([path, { length }]) => ({ path, size: length }))
  }
}

/** `p/…` has digests of pieces, `w/…` one of the whole, `c/…` may change, everything else passes. */
function rulesOf(origin: Origin): CacheRules {
  return {
    kindOf: key =>
      key.startsWith('s/')
        ? 'settled'
        : /^[pw]\//.test(key)
          ? 'fixed'
          : key.startsWith('c/')
            ? 'changing'
            : 'passing',
    proofOf: async key => {
      const content = origin.objects.get(key) as Buffer
      const accepts = (whole: { md5: string }) => whole.md5 === md5(content)
      if (key.startsWith('w/')) return { accepts }
      const starts = Array.from({ length: Math.ceil(content.length / PIECE) }, (_, i) => i * PIECE)
      const pieces = starts.map(start => sha256(content.subarray(start, start + PIECE)))
      return { accepts, pieces: { size: PIECE, sha256: pieces } }
    },
  }
}

async function cached(t: Test, budget = 100_000) {
  const folder = t.testdir({})
  const origin = new Origin()
  const problems: unknown[] = []
  const start = async (bytes = budget) => {
    const cache = await CacheFolder.open(folder, bytes)
    const store = new CachingStore(origin, cache, rulesOf(origin), error => problems.push(error))
    return { cache, store }
  }
  return { folder, origin, problems, start, ...(await start()) }
}

async function read(store: Store, key: string, start = 0, end?: number): Promise<Buffer> {
  const object = await store.open(key)
  if (object === undefined) throw new Error(`${key} is not there`)
  const range = { start, end: end ?? object.size }
  return Buffer.concat(await object.stream(range).toArray())
}

t.test('each piece is fetched once, for all who want it', async t => {
  const { origin, store, cache } = await cached(t)
  const content = randomBytes(7500)
  origin.objects.set('p/x', content)
  const all = await Promise.all(Array.from({ length: 50 }, () => read(store, 'p/x')))
  t.ok(all.every(bytes => bytes.equals(content)))
  const fetched = origin.reads.filter(line => line.startsWith('p/x'))
  t.equal(fetched.length, 8)
  t.equal(new Set(fetched).size, 8)
  t.equal(cache.bytes, 7500)
  origin.reads.length = 0
  const below = randomNumbers(propertySeed(t))
  for (let i = 0; i < 300; i += 1) {
    const start = below(7500)
    const end = start + below(7501 - start)
    const object = (await store.open('p/x')) as StoredObject
    const bytes = await object.bytes({ start, end })
    await object.close()
    if (!bytes.equals(content.subarray(start, end))) t.fail(`${start} to ${end}`)
  }
  t.same(origin.reads, [], 'nobody asks the origin any more')
  t.match(await store.identify('p/x'), { size: 7500, inode: md5(content) })
})

t.test('a range fetches the pieces it touches', async t => {
  const { origin, store } = await cached(t)
  const content = randomBytes(50_000)
  origin.objects.set('p/x', content)
  t.ok((await read(store, 'p/x', 20_500, 20_600)).equals(content.subarray(20_500, 20_600)))
  t.same(origin.reads.slice(1), ['p/x 20000-21000'])
  t.ok((await read(store, 'p/x', 20_900, 22_100)).equals(content.subarray(20_900, 22_100)))
  t.same(origin.reads.slice(2).sort(), ['p/x 21000-22000', 'p/x 22000-23000'])
  const object = await store.open('p/x')
  t.same(await object?.bytes({ start: 10, end: 10 }), Buffer.alloc(0))
  await object?.close()
  await object?.close()
})

t.test('damaged pieces are never given to anybody', async t => {
  const { origin, store, cache } = await cached(t)
  const content = randomBytes(3000)
  origin.objects.set('p/x', content)
  let bad = 1
  const flip = (bytes: Buffer) => {
    if (bad > 0) {
      bad -= 1
      bytes[17] = (bytes[17] as number) ^ 1
    }
    return bytes
  }
  origin.spoil = flip
  t.ok((await read(store, 'p/x')).equals(content), 'once: it was fetched again')
  origin.objects.set('p/y', content)
  bad = Number.POSITIVE_INFINITY
  await t.rejects(read(store, 'p/y'), {
    code: 'storage-failed',
    message: /bytes 0 to 1000 do not match their digest at the origin/,
  })
  t.equal(cache.bytes, 3000, 'nothing of it is kept')
  bad = 0
  t.ok((await read(store, 'p/y')).equals(content))
})

t.test('what can be compared as a whole only is compared before the first byte', async t => {
  const { origin, store, folder, cache } = await cached(t)
  const content = randomBytes(5000)
  origin.objects.set('w/x', content)
  origin.spoil = bytes => Buffer.concat([bytes.subarray(1), Buffer.from('x')])
  const object = await store.open('w/x')
  const chunks: Buffer[] = []
  await t.rejects(
    async () => {
      for await (const chunk of object?.stream({ start: 0, end: 10 }) ?? []) chunks.push(chunk)
    },
    { code: 'storage-failed', message: /does not match its digest/ },
  )
  t.same(chunks, [])
  // What is known of the object is written down meanwhile.
  const bytes = (await readdir(folder)).filter(name => !/^[0-9a-f]{40}\.json(?:\.|$)/.test(name))
  t.same(bytes, [])
  origin.spoil = bytes => bytes
  origin.reads.length = 0
  const all = await Promise.all([
    read(store, 'w/x', 10, 20),
    read(store, 'w/x'),
    read(store, 'w/x'),
  ])
  t.same(all, [content.subarray(10, 20), content, content])
  t.same(origin.reads, ['w/x 0-5000'])
  origin.objects.set('w/big', randomBytes(200_000))
  await t.rejects(read(store, 'w/big'), { message: /do not fit the cache; give it more room/ })
  t.equal(cache.bytes, 5000)
})

t.test('the budget holds, and what was not used for longest goes', async t => {
  const { origin, store, cache } = await cached(t, 10_000)
  const contents = Array.from({ length: 6 }, () => randomBytes(3000))
  for (const [i, content] of contents.entries()) origin.objects.set(`p/${i}`, content)
  for (const i of [0, 1, 2]) await read(store, `p/${i}`)
  await read(store, 'p/0')
  await read(store, 'p/3')
  t.ok(cache.bytes <= 10_000)
  origin.reads.length = 0
  await read(store, 'p/0')
  t.same(origin.reads, [], 'it was used not long ago')
  await read(store, 'p/1')
  t.ok(origin.reads.length > 0, 'it had to go')
  const open = await store.open('p/4')
  const reading = open?.stream({ start: 0, end: 3000 }).iterator()
  const first = (await reading?.next())?.value as Buffer
  for (const i of [0, 1, 2, 3, 5]) await read(store, `p/${i}`)
  const rest: Buffer[] = []
  for await (const chunk of reading ?? []) rest.push(chunk)
  t.ok(Buffer.concat([first, ...rest]).equals(contents[4] as Buffer), 'in use all the time')
  t.ok(cache.bytes <= 10_000)
  const huge = randomBytes(30_000)
  origin.objects.set('p/huge', huge)
  t.ok((await read(store, 'p/huge')).equals(huge), 'larger than the cache: it passes through')
  t.ok(cache.bytes <= 10_000)
})

t.test('what is let in and not written yet has its room', async t => {
  const { origin, store, cache } = await cached(t, 2500)
  for (let i = 0; i < 8; i += 1) origin.objects.set(`p/${i}`, randomBytes(PIECE))
  const keys = [...origin.objects.keys()]
  const read1 = async (key: string) =>
    t.ok((await read(store, key)).equals(origin.objects.get(key) as Buffer))
  await Promise.all(keys.map(read1))
  t.equal(cache.bytes, 2000, 'two of those that came at once')
})

t.test('a new start knows what is here; the origin may be away', async t => {
  const { origin, store, start, folder } = await cached(t)
  const content = randomBytes(5500)
  for (const key of ['p/whole', 'p/part', 'w/x', 'c/now']) origin.objects.set(key, content)
  for (const key of ['p/whole', 'w/x', 'c/now']) await read(store, key)
  await read(store, 'p/part', 0, 900)
  await store.close()
  origin.isAway = true
  const again = await start()
  for (const key of ['p/whole', 'w/x', 'c/now']) {
    t.ok((await read(again.store, key)).equals(content), key)
  }
  t.ok((await read(again.store, 'p/part', 0, 900)).equals(content.subarray(0, 900)))
  await t.rejects(read(again.store, 'p/part'), { code: 'storage-failed' })
  await t.rejects(again.store.open('p/none'), { code: 'storage-failed' })
  await t.rejects(again.store.open('c/none'), { code: 'storage-failed' })
  origin.isAway = false
  origin.reads.length = 0
  t.ok((await read(again.store, 'p/part')).equals(content))
  t.notOk(origin.reads.includes('p/part 0-1000'), 'that was here already')
  t.equal(await again.store.open('p/none'), undefined)
  // A smaller budget removes the oldest; what is no entry of ours is cleared away, and what is fresh is left.
  await again.store.close()
  const names = (await readdir(folder)).filter(name => name.endsWith('.json'))
  await writeFile(join(folder, names[0] as string), '{"format":1')
  const old = `${'a'.repeat(40)}.${'b'.repeat(12)}.data`
  const fresh = `${'c'.repeat(40)}.${'d'.repeat(12)}.part`
  for (const name of [old, fresh, 'readme.txt']) await writeFile(join(folder, name), 'x')
  await utimes(join(folder, old), 1, 1)
  const small = await start(6000)
  t.ok(small.cache.bytes <= 6000)
  const left = await readdir(folder)
  t.notOk(left.includes(old))
  t.ok(left.includes(fresh) && left.includes('readme.txt'))
})

t.test('what changes is asked for each time', async t => {
  const { origin, store } = await cached(t)
  origin.objects.set('c/now', Buffer.from('one'))
  t.equal(String(await read(store, 'c/now')), 'one')
  t.equal(String(await read(store, 'c/now')), 'one')
  origin.objects.set('c/now', Buffer.from('two'))
  t.equal(String(await read(store, 'c/now')), 'two')
  t.equal((await store.identify('c/now'))?.inode, md5(Buffer.from('two')))
  origin.objects.delete('c/now')
  t.equal(await store.identify('c/now'), undefined)
  origin.objects.set('other', Buffer.from('x'))
  t.equal(String(await read(store, 'other')), 'x')
  t.match(await store.identify('other'), { size: 1 })
  t.same(await store.list('.'), [{ path: 'other', size: 1 }])
  const broken: Store = {
    ...origin,
    open: () => Promise.reject(new TypeError('a mistake')),
    identify: async () => undefined,
    list: async () => [],
  }
  const mistaken = new CachingStore(
    broken,
    await CacheFolder.open(t.testdirName, 1),
    rulesOf(origin),
  )
  await t.rejects(mistaken.open('c/now'), { message: 'a mistake' })
})

t.test('what is settled is looked after', async t => {
  const { origin, cache } = await cached(t)
  const store = new CachingStore(origin, cache, rulesOf(origin), () => {}, 30)
  const [one, two] = [randomBytes(1500), randomBytes(1500)]
  origin.objects.set('s/x', one)
  t.ok((await read(store, 's/x')).equals(one))
  origin.objects.set('s/x', two)
  await new Promise(done => setTimeout(done, 60))
  t.equal((await store.identify('s/x'))?.inode, md5(two))
  t.ok((await read(store, 's/x')).equals(two))
  t.equal((await store.identify('s/x'))?.inode, md5(two))
  await new Promise(done => setTimeout(done, 60))
  t.ok((await read(store, 's/x')).equals(two))
  origin.isAway = true
  await new Promise(done => setTimeout(done, 60))
  t.ok((await read(store, 's/x')).equals(two), 'as it was, without the origin')
})

t.test('another object under the same name at the origin', async t => {
  const { origin, store } = await cached(t)
  origin.objects.set('p/x', randomBytes(3000))
  const object = (await store.open('p/x')) as StoredObject
  const other = randomBytes(4000)
  origin.objects.set('p/x', other)
  await t.rejects(object.bytes({ start: 0, end: 10 }), {
    message: /the origin has another object of this name now/,
  })
  t.ok((await read(store, 'p/x')).equals(other), 'the next one gets it')
})

t.test('a folder that is cleared or cut under the server', async t => {
  const { origin, store, folder, problems } = await cached(t)
  const content = randomBytes(5000)
  origin.objects.set('p/x', content)
  await read(store, 'p/x', 0, 2500)
  const data = (await readdir(folder)).find(name => name.endsWith('.data')) as string
  await rename(join(folder, data), join(folder, 'gone'))
  await t.rejects(read(store, 'p/x', 0, 500), { message: /its cached file is gone/ })
  t.ok((await read(store, 'p/x')).equals(content), 'it is fetched anew')
  const whole = (await readdir(folder)).find(name => name.endsWith('.data')) as string
  await writeFile(join(folder, whole), (await readFile(join(folder, whole))).subarray(0, 10))
  await t.rejects(read(store, 'p/x'), { message: /its cached file is gone/ })
  t.ok((await read(store, 'p/x')).equals(content))
  // Nothing is written into the folder while it is removed.
  await store.close()
  await rm(folder, { recursive: true })
  origin.objects.set('p/y', content)
  t.ok((await read(store, 'p/y')).equals(content), 'served, though it cannot be kept')
  t.ok(problems.length > 0)
  await writeFile(folder, 'a file')
  await t.rejects(CacheFolder.open(folder, 1), { code: 'storage-write-failed' })
})
