import { setTimeout as wait } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { type ProxyPatience, ProxyTransfers } from '../../src/http/access/proxy-transfers.ts'

/** Transfers whose ends are written down. */
function watched(t: Test, patience: Partial<ProxyPatience> = {}) {
  const ends: unknown[] = []
  let silences = 0
  const transfers = new ProxyTransfers(() => {
    silences += 1
  }, patience)
  t.teardown(() => transfers.close())
  const begin = (bodyBytes: number) =>
    transfers.begin({
      bodyBytes,
      done: (sent, whole) => ends.push([sent, whole]),
      release: () => ends.push('released'),
    })
  return { transfers, ends, begin, silences: () => silences }
}

const lineOf = (name: string, sent: number, status = 200, complete = 'OK') =>
  `<190>Nov 21 14:42:45 nginx: transfer=${name} sent=${sent} status=${status} complete=${complete}`

t.test('a report ends the transfer that it names, once', async t => {
  const { transfers, ends, begin } = watched(t)
  const [one, two] = [begin(1000), begin(1000)]
  t.match(one, /^[0-9a-f]{32}$/)
  t.not(one, two)
  transfers.report(lineOf(one, 1000))
  transfers.report(lineOf(one, 1000))
  t.same(ends, [[1000, true]])
  transfers.report(lineOf('0'.repeat(32), 5))
  transfers.report('GET / 200')
  transfers.report('')
  transfers.report(lineOf(two.slice(1), 5))
  t.equal(ends.length, 1, 'what is nobody’s changes nothing')
  transfers.report(lineOf(two, 400, 206, ''))
  t.same(ends[1], [400, false])
})

t.test('what did not come out whole is no download', async t => {
  const { transfers, ends, begin } = watched(t)
  for (const [sent, status, complete] of [
    [999, 200, 'OK'],
    [1000, 200, ''],
    // HTTP/2 counts its frames as well.
    [5000, 206, ''],
    [1000, 503, 'OK'],
    [1000, 304, 'OK'],
  ] as const) {
    transfers.report(lineOf(begin(1000), sent, status, complete))
  }
  transfers.report(lineOf(begin(1000), 5000))
  t.same(ends, [
    [999, false],
    [1000, false],
    [1000, false],
    [0, false],
    [0, false],
    [1000, true],
  ])
})

t.test(
  'a lost report costs no slot for ever, and is told when no proxy reports at all',
  async t => {
    const patience = { slotMs: 30, forgetMs: 1e9, sweepMs: 10 }
    const { transfers, ends, begin, silences } = watched(t, patience)
    const late = begin(10)
    t.same(ends, [])
    while (ends.length === 0) await wait(10)
    await wait(50)
    t.same(ends, ['released'], 'once')
    t.equal(silences(), 1, 'told once')
    transfers.report(lineOf(late, 10))
    t.same(ends, ['released', [10, true]], 'a long download still counts')
    transfers.close()
    t.equal(ends.length, 2)
  },
)

t.test('it forgets after a while, and the oldest when there are too many', async t => {
  const { transfers, ends, begin, silences } = watched(t, { slotMs: 1, forgetMs: 1, sweepMs: 5 })
  const heard = begin(10)
  transfers.report(lineOf(heard, 10))
  const lost = begin(10)
  while (ends.length < 2) await wait(5)
  transfers.report(lineOf(lost, 10))
  t.same(ends, [[10, true], 'released'])
  t.equal(silences(), 0, 'a proxy that has reported before is set up')
  const few = watched(t, { most: 2 })
  const [first] = [few.begin(1), few.begin(1), few.begin(1)]
  t.same(few.ends, ['released'])
  few.transfers.report(lineOf(first, 1))
  t.equal(few.ends.length, 1)
  few.transfers.close()
  t.same(few.ends, ['released', 'released', 'released'])
})
