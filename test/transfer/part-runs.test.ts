/** How much a connection asks for at once, and what it takes from a slower one. */
import t from 'tap'
import type { Part } from '../../src/transfer/part-plan.ts'
import { runLength, takeOver, type Worker } from '../../src/transfer/part-runs.ts'

const MB = 1024 * 1024
const PART = 4 * MB
const RATE = 2 * MB

/** A connection with so many parts before it, the first one filled so far. */
function worker(number: number, parts: number, filled = 0, rate = RATE): Worker {
  const run: Part[] = Array.from({ length: parts }, (_, i) => ({
    number: i,
    start: i * PART,
    end: (i + 1) * PART,
  }))
  const [part] = run
  const filling = part && { part, buffer: Buffer.alloc(0), filled }
  // What a second has brought.
  const reading = part && { since: performance.now() - 1000, bytes: rate }
  return { number, run, filling, rate, wait: 0.2, reading }
}

t.test('all end together: what connections have is what they have not read yet', async t => {
  const others = [1, 2, 3, 4, 5, 6, 7].map(number => worker(number, 1, PART - MB / 2))
  const all = [worker(0, 0), ...others]
  const [first] = all as [Worker]
  const length = runLength(first, all, { left: 96 * MB, jobs: 8, race: false })
  t.equal(length, (96 * MB + 7 * (MB / 2)) / 8)
})

t.test('a request lasts long against its wait, and not too long to be hashed', async t => {
  const near = { ...worker(0, 0), wait: 0.001 }
  t.equal(runLength(near, [near], { left: 999 * MB, jobs: 1, race: false }), RATE * 0.001 * 200)
  const far = worker(0, 0)
  t.equal(runLength(far, [far], { left: 999 * MB, jobs: 1, race: false }), 64 * MB)
  const unknown = worker(0, 0, 0, 0)
  t.equal(runLength(unknown, [unknown], { left: 999 * MB, jobs: 8, race: false }), 16 * MB)
  t.equal(runLength(unknown, [unknown], { left: 8 * MB, jobs: 8, race: false }), MB)
  t.equal(runLength(unknown, [unknown], { left: 999 * MB, jobs: 8, race: true }), 0)
})

t.test(
  'who has nothing to do takes the end of what lasts longest, when that is worth it',
  async t => {
    const idle = worker(0, 0)
    const slow = worker(1, 4, 0, RATE)
    const quick = worker(2, 4, 0, 10 * RATE)
    takeOver(idle, [idle, slow, quick])
    t.same([idle.run.map(part => part.number), slow.run.length, quick.run.length], [[2, 3], 2, 4])
    // One of two parts is there, and the other comes in half a second.
    const nearlyDone = worker(3, 2, PART, 4 * RATE)
    const late = worker(4, 0, 0, 8 * RATE)
    takeOver(late, [late, nearlyDone])
    t.same(late.run, [])
  },
)
