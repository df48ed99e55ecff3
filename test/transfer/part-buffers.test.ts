/** Memory for parts: lent up to a budget, in order. */
import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import { PartBuffers } from '../../src/transfer/part-buffers.ts'
import { PART_SIZE } from '../../src/transfer/part-plan.ts'

t.test('whoever asks for more than there is waits, in order', async t => {
  const buffers = new PartBuffers(2 * PART_SIZE)
  const first = await buffers.take(PART_SIZE)
  const second = await buffers.take(PART_SIZE - 10)
  t.strictSame([first.length, second.length], [PART_SIZE, PART_SIZE])
  const got: string[] = []
  const third = buffers.take(PART_SIZE).then(buffer => {
    got.push('third')
    return buffer
  })
  // It would fit, but somebody came before.
  const small = buffers.take(10).then(buffer => {
    got.push('small')
    return buffer
  })
  await setImmediate()
  t.strictSame(got, [])
  buffers.give(first)
  t.equal(await third, first, 'the same memory again')
  buffers.give(second)
  t.equal((await small).length, 10)
  t.strictSame(got, ['third', 'small'])
})

t.test('one larger than the budget is lent alone', async t => {
  const buffers = new PartBuffers(100)
  const large = await buffers.take(1000)
  let isLent = false
  const next = buffers.take(10).then(() => {
    isLent = true
  })
  await setImmediate()
  t.notOk(isLent)
  buffers.give(large)
  await next
})
