/** A tar is there when it is whole, and its bytes follow from its members. */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import t from 'tap'
import { type TarMember, writeTar } from '../../src/archive/tar-file.ts'
import { StorageFailed } from '../../src/domain/errors.ts'
import { run } from '../support/peers/run.ts'

const member = (path: string, text: string, more: Partial<TarMember> = {}): TarMember => ({
  path,
  size: Buffer.byteLength(text),
  sha256: createHash('sha256').update(text).digest('hex'),
  content: () => Readable.from([Buffer.from(text)]),
  ...more,
})
const changed = ({ path }: TarMember) => new StorageFailed(path, new Error('it changed'))

t.test('tools unpack it, and the same members make the same bytes', async t => {
  const folder = t.testdir({ out: {} })
  const long = `${'a/'.repeat(60)}é.txt`
  const members = [
    member('run.sh', '#!/bin/sh\n', { executable: true }),
    member('empty', ''),
    member(long, 'x'.repeat(513)),
  ]
  const [first, second] = [join(folder, 'first'), join(folder, 'second')]
  await writeTar(first, members, changed)
  await writeTar(second, members, changed)
  t.ok((await readFile(first)).equals(await readFile(second)))
  t.equal((await stat(first)).size % 512, 0)
  const unpacked = await run('tar', ['-xf', first, '-C', join(folder, 'out')])
  t.equal(unpacked.code, 0, unpacked.stderr)
  t.equal((await readFile(join(folder, 'out', long), 'utf8')).length, 513)
  t.equal((await stat(join(folder, 'out', 'run.sh'))).mode & 0o111, 0o111)
  t.equal((await stat(join(folder, 'out', 'empty'))).size, 0)
})

t.test('what is not as it was said makes no tar', async t => {
  const folder = t.testdir({ there: 'x' })
  const gone = { content: () => createReadStream(join(folder, 'absent')) }
  for (const bad of [
    member('longer', 'xy', { size: 1 }),
    member('shorter', 'x', { size: 2 }),
    member('other', 'x', { sha256: '0'.repeat(64) }),
    member('gone', 'x', gone),
  ]) {
    const failed = writeTar(join(folder, 'tar'), [member('first', 'y'), bad], changed)
    await t.rejects(failed, { path: bad.path, message: /it changed/ })
  }
  const failing = {
    content: () => {
      throw new StorageFailed('disk', new Error('broken'))
    },
  }
  const failed = writeTar(join(folder, 'tar'), [member('x', 'x', failing)], changed)
  // What reading says counts.
  await t.rejects(failed, { message: /broken/ })
  await t.rejects(writeTar(join(folder, 'there', 'tar'), [], changed), {
    code: 'storage-write-failed',
  })
  t.same(await readdir(folder), ['there'], 'nothing is left')
})
