import t from 'tap'
import { OldestOut } from '../../src/domain/oldest-out.ts'

t.test('weights hold, and what was kept first goes first', t => {
  const kept = new OldestOut<string>(10)
  kept.keep('a', 'one', 4)
  kept.keep('b', 'two', 4)
  kept.keep('a', 'one again', 4)
  t.equal(kept.weight, 8)
  kept.keep('c', 'three', 4)
  t.equal(kept.get('b'), undefined, 'a had become newer')
  t.equal(kept.get('a'), 'one again')
  kept.drop('a')
  kept.drop('a')
  t.equal(kept.weight, 4)
  kept.keep('d', 'too heavy', 11)
  t.equal(kept.get('d'), undefined)
  t.equal(kept.weight, 0)
  kept.keep('e', 'last', 1)
  kept.clear()
  t.same([kept.get('e'), kept.weight], [undefined, 0])
  t.end()
})
