import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { openWritableStore } from '../../src/storage/open-store.ts'
import { uploadsContract } from '../support/uploads-contract.ts'

uploadsContract(t, t => openWritableStore(join(t.testdir({}), 'store')))

t.test('a folder is not reached by clients, and takes no odd names', async t => {
  const folder = t.testdir({})
  const { uploads } = await openWritableStore(folder)
  const upload = await uploads.begin('x')
  t.equal(await uploads.partAddress(upload, 1, '', 1), undefined)
  const odd = { key: 'x', id: '../../etc' }
  await t.rejects(uploads.parts(odd), { code: 'storage-write-failed', message: /no such upload/ })
  await mkdir(join(folder, '.uploads', 'f'.repeat(24)))
  await writeFile(join(folder, '.uploads', 'notes'), '')
  t.same(await uploads.begunBefore(new Date(Date.now() + 1000)), [upload])
})
