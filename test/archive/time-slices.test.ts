import t from 'tap'
import { timeSlices } from '../../src/archive/time-slices.ts'

t.test('long work lets other work have its turn, short work goes on', async t => {
  let now = 0
  const pause = timeSlices(() => now)
  const order: string[] = []
  setImmediate(() => order.push('other'))
  now += 4
  await pause()
  order.push('short')
  now += 20
  await pause()
  order.push('long')
  t.same(order, ['short', 'other', 'long'])
})

t.test('time passes by itself', async t => {
  const pause = timeSlices()
  let hadTurn = false
  setImmediate(() => {
    hadTurn = true
  })
  while (!hadTurn) await pause()
  t.pass('others had their turn')
})
