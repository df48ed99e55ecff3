import t from 'tap'
import { patiently } from '../../src/state/patiently.ts'

t.test('a busy database is asked again, any other failure is told at once', async t => {
  for (const code of ['SQLITE_BUSY', 'SQLITE_BUSY_SNAPSHOT', 'SQLITE_LOCKED', '40001', '40P01']) {
    let attempts = 0
    const work = async () => {
      attempts += 1
      if (attempts < 4) throw Object.assign(new Error('busy'), { code })
      return attempts
    }
    t.equal(await patiently(work), 4, code)
  }
  for (const error of [
    new Error('plain'),
    Object.assign(new Error('x'), { code: 'SQLITE_FULL' }),
    Object.assign(new Error('x'), { code: '400010' }),
  ]) {
    let attempts = 0
    const work = async () => {
      attempts += 1
      throw error
    }
    await t.rejects(patiently(work), error)
    t.equal(attempts, 1)
  }
})

t.test('patience ends', async t => {
  const busy = Object.assign(new Error('busy'), { code: 'SQLITE_BUSY' })
  const began = Date.now()
  await t.rejects(
    patiently(() => Promise.reject(busy), 100),
    { code: 'SQLITE_BUSY' },
  )
  t.ok(Date.now() - began >= 100)
})
