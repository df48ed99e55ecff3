import { setTimeout as wait } from 'node:timers/promises'
import t from 'tap'
import { READ_PART, readAhead } from '../../src/storage/read-ahead.ts'
import type { ByteRange, StoredObject } from '../../src/storage/store.ts'

/** An object whose parts come in any order; later ones sooner. */
function object(size: number, failing?: number) {
  const seen = { under: 0, most: 0, closed: 0, asked: 0 }
  const bytes = async ({ start, end }: ByteRange) => {
    const number = start / READ_PART
    seen.asked += 1
    seen.under += 1
    seen.most = Math.max(seen.most, seen.under)
    await wait(number % 3 === 0 ? 30 : 1)
    seen.under -= 1
    if (number === failing) throw new Error('broken')
    return Buffer.alloc(end - start, number + 1)
  }
  const close = async () => {
    t.equal(seen.under, 0, 'closed when nobody reads any more')
    seen.closed += 1
  }
  return { seen, object: { size, bytes, close } as unknown as StoredObject }
}

t.test('parts come in their order, a few at a time', async t => {
  const { seen, object: large } = object(READ_PART * 7 + 5)
  const parts: Buffer[] = []
  for await (const part of readAhead(large)) parts.push(part)
  t.same(
    parts.map(part => [part[0], part.length]),
    [1, 2, 3, 4, 5, 6, 7].map(n => [n, READ_PART]).concat([[8, 5]]),
  )
  t.match(seen, { most: 3, closed: 1 })
  const { seen: nothing, object: empty } = object(0)
  for await (const _part of readAhead(empty)) t.fail('there is nothing')
  t.match(nothing, { asked: 0, closed: 1 })
})

t.test('a part that fails, and a reader that has enough', async t => {
  const { seen, object: broken } = object(READ_PART * 9, 4)
  let parts = 0
  await t.rejects(
    (async () => {
      for await (const _part of readAhead(broken)) parts += 1
    })(),
    { message: 'broken' },
  )
  t.equal(parts, 4, 'what lies before it came')
  t.match(seen, { closed: 1, asked: 7 })
  const { seen: left, object: whole } = object(READ_PART * 9)
  for await (const _part of readAhead(whole)) break
  t.match(left, { closed: 1, asked: 3 })
})
