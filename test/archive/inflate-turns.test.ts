import { setImmediate as turn } from 'node:timers/promises'
import t from 'tap'
import { inflateTurn } from '../../src/archive/inflate-turns.ts'

t.test('a few at once, the others later, in order, and each has its turn', async t => {
  const begun: number[] = []
  for (let i = 0; i < 30; i += 1) {
    const later = inflateTurn()
    if (later === undefined) begun.push(i)
    else void later.then(() => begun.push(i))
  }
  const atOnce = begun.length
  t.equal(atOnce, 8)
  const seen = [atOnce]
  for (let i = 0; i < 10; i += 1) {
    await turn()
    seen.push(begun.length)
  }
  for (let i = 1; i < seen.length; i += 1) {
    t.ok((seen[i] as number) - (seen[i - 1] as number) <= 2 * atOnce)
  }
  t.ok((seen[1] as number) < 30, 'other work came in between')
  t.same(
    begun,
    Array.from({ length: 30 }, (_, i) => i),
  )
  await turn()
  t.equal(inflateTurn(), undefined, 'what was used is given back')
})
