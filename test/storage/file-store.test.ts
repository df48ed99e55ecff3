import { execFileSync } from 'node:child_process'
import { mkdir, readdir, realpath, rm, symlink, truncate, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import t, { type Test } from 'tap'
import { FileStore } from '../../src/storage/file-store.ts'
import { chunkSize, FileStream } from '../../src/storage/file-stream.ts'
import { storeContract } from '../support/store-contract.ts'

const openFiles = async () => (await readdir('/proc/self/fd')).length

async function emptyStore(t: Test) {
  const folder = t.testdir({})
  return {
    folder,
    store: new FileStore(folder),
    put: async (key: string, content: Buffer | string) => {
      await mkdir(dirname(join(folder, key)), { recursive: true })
      await writeFile(join(folder, key), content)
    },
    remove: (key: string) => rm(join(folder, key)),
  }
}

t.test('contract of stores', t => {
  storeContract(t, emptyStore)
  t.end()
})

t.test('links are followed only inside the roots', async t => {
  const outside = t.testdir({ archives: {}, volume: { 'big.tgz': 'bytes', folder: { x: '1' } } })
  const root = join(outside, 'archives')
  const volume = join(outside, 'volume')
  await writeFile(join(root, 'real'), 'here')
  await symlink('real', join(root, 'inside'))
  await symlink(join(volume, 'big.tgz'), join(root, 'file'))
  await symlink(join(volume, 'folder'), join(root, 'folder'))
  await symlink('nowhere', join(root, 'broken'))
  const store = new FileStore(root)
  const inside = await store.open('inside')
  t.equal(inside?.size, 4)
  await inside?.close()
  t.equal(await store.open('broken'), undefined)
  t.equal(await store.identify('broken'), undefined)
  await t.rejects(store.open('file'), { code: 'outside-root', message: /--allow-root/ })
  await t.rejects(store.identify('file'), { code: 'outside-root' })
  await t.rejects(store.open('folder/x'), { code: 'outside-root' })

  t.same(
    (await store.list('.')).map(file => file.path),
    ['inside', 'real'],
  )

  const allowed = new FileStore(root, [volume])
  for (const key of ['file', 'folder/x', 'folder/x']) {
    const object = await allowed.open(key)
    t.ok(object, key)
    await object?.close()
  }
})

t.test('an object says where it lies, links resolved; nothing of what lies elsewhere', async t => {
  const folder = t.testdir({ real: { sub: { 'a b': '1' } }, volume: { x: '1' } })
  const [real, volume] = [join(folder, 'real'), join(folder, 'volume')]
  await symlink(real, join(folder, 'root'))
  await symlink('sub', join(real, 'linked'))
  await symlink('sub/a b', join(real, 'file'))
  await symlink(join(volume, 'x'), join(real, 'away'))
  await symlink(volume, join(real, 'far'))
  await symlink(join(real, 'sub', 'a b'), join(volume, 'back'))
  const store = new FileStore(join(folder, 'root'), [volume])
  const root = await realpath(real)
  const places: Record<string, string | undefined> = {
    'sub/a b': 'sub/a b',
    'linked/a b': 'sub/a b',
    file: 'sub/a b',
    'far/back': 'sub/a b',
    away: undefined,
    'far/x': undefined,
  }
  // The second time it is remembered where a folder lies.
  for (const [key, path] of [...Object.entries(places), ...Object.entries(places)]) {
    const object = await store.open(key)
    t.same(object?.place, path === undefined ? undefined : { root, path }, key)
    await object?.close()
  }
})

t.test('folders and pipes are no objects', async t => {
  const folder = t.testdir({ sub: {} })
  execFileSync('mkfifo', [join(folder, 'pipe')])
  const store = new FileStore(folder)
  for (const key of ['sub', 'pipe']) {
    t.equal(await store.open(key), undefined)
    t.equal(await store.identify(key), undefined)
  }
})

t.test('a failing disk is an error, never "not there"', async t => {
  const folder = t.testdir({})
  const store = new FileStore(folder)
  await symlink('loop', join(folder, 'loop'))
  await t.rejects(store.open('loop'), { code: 'storage-failed' })
  await t.rejects(store.identify('loop'), { code: 'storage-failed' })
  await t.rejects(store.list('loop'), { code: 'storage-failed' })
  await t.rejects(store.open('loop/x'), { code: 'storage-failed' })
})

t.test('a file that cannot be opened is an error', { skip: false }, async t => {
  // root reads everything, so a device that answers ENXIO stands in for a file without permission
  const folder = t.testdir({})
  execFileSync('python3', ['-c', `import socket; socket.socket(socket.AF_UNIX).bind("s")`], {
    cwd: folder,
  })
  await t.rejects(new FileStore(folder).open('s'), { code: 'storage-failed' })
})

t.test('a file that shrinks while it is read fails, as a whole and as a stream', async t => {
  const folder = t.testdir({ x: 'x'.repeat(200_000) })
  const store = new FileStore(folder)
  const before = await openFiles()
  const object = await store.open('x')
  const other = await store.open('x')
  await truncate(join(folder, 'x'), 10)
  await t.rejects(async () => object?.bytes({ start: 0, end: 20 }), { code: 'short-read' })
  await object?.close()
  const stream = other?.stream({ start: 0, end: 200_000 })
  await t.rejects(async () => stream?.toArray(), {
    code: 'short-read',
    path: join(folder, 'x'),
  })
  t.equal(await openFiles(), before, 'no descriptor is left')
})

t.test('a stream whose file cannot be closed says so, and keeps its first error', async t => {
  const file = { close: async () => Promise.reject(new Error('EIO')) }
  const make = () => new FileStream(file as never, '/x', { start: 0, end: 0 })
  const ended = make()
  await t.rejects(ended.toArray(), /EIO/)
  const failed = make()
  const error = new Promise(done => failed.once('error', done))
  failed.destroy(new Error('first'))
  t.match(await error, { message: 'first' })
})

t.test('reads are large for one client and share a budget among many', async t => {
  t.equal(chunkSize(0), 1024 * 1024)
  t.equal(chunkSize(1), 1024 * 1024)
  t.equal(chunkSize(16), 512 * 1024)
  t.equal(chunkSize(64), 128 * 1024)
  t.equal(chunkSize(200), 64 * 1024)
  t.equal(chunkSize(10_000), 64 * 1024)
})
