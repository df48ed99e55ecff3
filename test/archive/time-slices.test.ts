import t from 'tap'
import { timeSlices } from '../../src/archive/time-slices.ts'

t.test('long work lets other work have its turn, short work goes on', async t => {
  const pause = timeSlices()
  const order: string[] = []
  setImmediate(() => order.push('other'))
  await pause()
  order.push('short')
  const until = performance.now() + 20
  while (performance.now() < until);
  await pause()
  order.push('long')
  t.same(order, ['short', 'other', 'long'])
})
