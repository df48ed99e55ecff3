/** A budget that is shared in turn, of threads or of connections. */
import { setTimeout as wait } from 'node:timers/promises'
import t from 'tap'
import { Shares } from '../../src/archive/shares.ts'

t.test('whoever comes first gets connections first, never more than there are', async t => {
  const budget = new Shares(4)
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
  const budget = new Shares(1)
  const failed = budget.with(1, async () => {
    throw new Error('no')
  })
  const next = budget.with(1, async () => 'yes')
  await t.rejects(failed, { message: 'no' })
  t.equal(await next, 'yes')
})

t.test('a budget is shared in turn', async t => {
  const shares = new Shares(10)
  const said: string[] = []
  let under = 0
  let most = 0
  const work = (name: string, share: number) =>
    shares.with(share, async () => {
      under += share
      most = Math.max(most, under)
      said.push(name)
      await wait(1)
      under -= share
      if (name === 'c') throw new Error('c failed')
    })
  const all = [work('a', 4), work('b', 5), work('c', 10), work('d', 1), work('e', 10)]
  await t.rejects(all[2] as Promise<void>, { message: 'c failed' })
  await Promise.allSettled(all)
  t.same(said, ['a', 'b', 'c', 'd', 'e'], 'nobody overtakes')
  t.equal(most, 10)
  await work('more than there is', 99)
})
