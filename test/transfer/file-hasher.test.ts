/** Hashes of files that grow. */
import { rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import t from 'tap'
import { FileHasher } from '../../src/transfer/file-hasher.ts'
import { digestOf, fastNoise } from '../support/remote-files.ts'

const CONTENT = fastNoise(20_000_000)

t.test('hashed up to the marks, in a thread', async t => {
  const path = join(t.testdir(), 'file')
  const hasher = new FileHasher(10)
  const size = CONTENT.length
  let hashed = 0
  const onHashed = (bytes: number) => {
    hashed += bytes
  }
  const growing = hasher.begin({ path, size, algorithm: 'sha256', onHashed })
  await writeFile(path, CONTENT.subarray(0, 9_000_000))
  growing.advance(9_000_000)
  await writeFile(path, CONTENT)
  growing.advance(9_000_000)
  growing.advance(15_000_000)
  t.equal(await growing.digest(), digestOf('sha256', CONTENT))
  t.equal(hashed, size)
  // Two at once do not mix.
  const again = hasher.begin({ path, size, algorithm: 'md5' })
  const dropped = hasher.begin({ path, size, algorithm: 'md5' })
  dropped.advance(1_000_000)
  dropped.drop()
  dropped.advance(2_000_000)
  t.equal(await again.digest(), digestOf('md5', CONTENT))
  await wait(200)
  t.notOk(hasher.isRunning, 'the thread ends when there is nothing to do')
  const later = hasher.begin({ path, size, algorithm: 'md5' })
  t.ok(hasher.isRunning)
  t.equal(await later.digest(), digestOf('md5', CONTENT))
  await wait(200)
})

t.test('a small file is read here', async t => {
  const path = join(t.testdir({ file: 'small' }), 'file')
  const small = new FileHasher().begin({ path, size: 5, algorithm: 'md5' })
  small.advance(3)
  small.drop()
  t.equal(await small.digest(), digestOf('md5', Buffer.from('small')))
  await rm(path)
  await t.rejects(small.digest(), { code: 'storage-failed' })
})

t.test('a file that is gone or too short', async t => {
  const path = join(t.testdir({ file: CONTENT }), 'file')
  const hasher = new FileHasher()
  const size = CONTENT.length
  await truncate(path, 10_000_000)
  const short = hasher.begin({ path, size, algorithm: 'sha256' })
  await t.rejects(short.digest(), { message: /the file ends at byte 10000000/ })
  await rm(path)
  const gone = hasher.begin({ path, size, algorithm: 'sha256' })
  await t.rejects(gone.digest(), { code: 'storage-failed', message: /ENOENT/ })
})
