import t from 'tap'
import { ConnectionBudget } from '../../src/client/connection-budget.ts'

t.test('whoever comes first gets connections first, never more than there are', async t => {
  const budget = new ConnectionBudget(4)
  const log: string[] = []
  const ends = new Map<string, () => void>()
  const work = (name: string, count: number) =>
    budget.with(count, async () => {
      log.push(name)
      await new Promise<void>(end => ends.set(name, end))
      return name
    })
  const turn = () => new Promise(done => setImmediate(done))
  const all = [work('a', 1), work('b', 2), work('big', 9), work('c', 1)]
  await turn()
  t.same(log, ['a', 'b'], 'the big one takes all there are, and nobody passes it')
  ends.get('a')?.()
  await turn()
  t.same(log, ['a', 'b'])
  ends.get('b')?.()
  await turn()
  t.same(log, ['a', 'b', 'big'])
  ends.get('big')?.()
  await turn()
  t.same(log, ['a', 'b', 'big', 'c'])
  ends.get('c')?.()
  t.same(await Promise.all(all), ['a', 'b', 'big', 'c'])
})

t.test('connections of what failed are free again', async t => {
  const budget = new ConnectionBudget(1)
  const failed = budget.with(1, async () => {
    throw new Error('no')
  })
  const next = budget.with(1, async () => 'yes')
  await t.rejects(failed, { message: 'no' })
  t.equal(await next, 'yes')
})
