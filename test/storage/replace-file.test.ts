import { chmod, readdir, readFile, readlink, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { StorageWriteFailed } from '../../src/domain/errors.ts'
import { replaceFile } from '../../src/storage/replace-file.ts'

t.test('content is replaced whole; mode and links stay', async t => {
  const folder = t.testdir({ 'a.txt': 'old' })
  const path = join(folder, 'a.txt')
  await chmod(path, 0o600)
  await symlink('a.txt', join(folder, 'link'))
  await replaceFile(join(folder, 'link'), 'new')
  t.equal(await readFile(path, 'utf8'), 'new')
  t.equal((await stat(path)).mode & 0o777, 0o600)
  t.equal(await readlink(join(folder, 'link')), 'a.txt')
  await replaceFile(join(folder, 'b.txt'), Buffer.from('b'))
  t.same(await readdir(folder), ['a.txt', 'b.txt', 'link'])
})

t.test('a failure leaves the old content and says what to do', async t => {
  const folder = t.testdir({ full: {} })
  await writeFile(join(folder, 'full', 'x'), '')
  await t.rejects(replaceFile(join(folder, 'full'), 'x'), {
    code: 'storage-write-failed',
    path: join(folder, 'full'),
  })
  t.same(await readdir(folder), ['full'], 'no temporary file is left')
  await t.rejects(replaceFile('/proc/nowhere/x', 'x'), {
    message: /cannot write \/proc\/nowhere\/x/,
  })
  const full = new StorageWriteFailed('/x', Object.assign(new Error('boom'), { code: 'ENOSPC' }))
  t.equal(full.message, 'cannot write /x: the disk is full; free some space')
  t.equal(new StorageWriteFailed('/x', new Error('boom')).message, 'cannot write /x: boom')
})
