import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { appeared, lockText } from '../../src/config/lock-file.ts'

t.test('a lock appears once, with its text', async t => {
  const folder = t.testdir({ mine: 'me', yours: 'you' })
  const lock = join(folder, 'lock')
  t.equal(await lockText(lock), '', 'gone')
  t.equal(await appeared(join(folder, 'mine'), lock, 'me'), true)
  t.equal(await lockText(lock), 'me')
  t.equal(await appeared(join(folder, 'yours'), lock, 'you'), false)
  t.equal(await appeared(join(folder, 'mine'), lock, 'me'), true, 'asked twice over a network')
  t.equal(await readFile(lock, 'utf8'), 'me')
  await t.rejects(appeared(join(folder, 'nowhere'), join(folder, 'other'), 'x'), { code: 'ENOENT' })
})

t.test('file systems without links have locks too', async t => {
  const folder = t.testdir({})
  const noLinks = async () => {
    throw Object.assign(new Error('no links here'), { code: 'EPERM' })
  }
  const lock = join(folder, 'lock')
  const own = join(folder, 'own')
  await writeFile(own, 'me')
  t.equal(await appeared(own, lock, 'me', noLinks), true)
  t.equal(await lockText(lock), 'me')
  await writeFile(lock, 'another')
  t.equal(await appeared(own, lock, 'me', noLinks), false)
  await t.rejects(appeared(own, join(folder, 'away/lock'), 'me', noLinks), { code: 'ENOENT' })
})
