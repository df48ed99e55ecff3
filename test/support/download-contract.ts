/** What every state must do with download counts; part of the contract of states. */
import type { Test } from 'tap'
import type { Interval } from '../../src/domain/byte-intervals.ts'
import type { DownloadPart } from '../../src/domain/download-progress.ts'
import type { State } from '../../src/state/open-state.ts'

const DAY = '2026-03-01'
const SIZE = 8000
const SEGMENTS = Array.from({ length: 8 }, (_, i): Interval => [i * 1000, (i + 1) * 1000])

/** A part of a download by a client, as a server notes it. */
function partOf(client: string, covered: readonly Interval[], archive = 'a'): DownloadPart {
  const progress = { size: SIZE, covered, begun: 0, arrived: 0, beganAt: 0, endedAt: 0 }
  return { clients: [client, `${client} before`], archive, view: 'stored', day: DAY, progress }
}

/** Runs this part of the contract. */
export function downloadContract(t: Test, make: (t: Test) => Promise<() => Promise<State>>): void {
  t.test('downloads are summed by archive and day', async t => {
    const { downloads, close } = await (await make(t))()
    t.same(await downloads.totals(), new Map())
    const row = (archive: string, day: string, n: number, bytes: number) =>
      ({ archive, day, downloads: n, bytes }) as const
    // More than 2^32, and one row twice in a batch.
    const days = [row('a', DAY, 1, 5e12), row('a', DAY, 1, 3), row('b', '2026-03-02', 0, 7)]
    await downloads.add({ days, parts: [] })
    await downloads.add({ days: [row('a', '2026-02-28', 4, 0), row('a', DAY, 1, 1)], parts: [] })
    const all = new Map([
      ['a', { downloads: 7, bytes: 5e12 + 4 }],
      ['b', { downloads: 0, bytes: 7 }],
    ])
    t.same(await downloads.totals(), all)
    t.same(await downloads.sums({}), all)
    t.same(
      await downloads.sums({ since: DAY, until: DAY }),
      new Map([['a', { downloads: 3, bytes: 5e12 + 4 }]]),
    )
    t.same(
      await downloads.sums({ until: '2026-02-28' }),
      new Map([['a', { downloads: 4, bytes: 0 }]]),
    )
    t.same(
      await downloads.sums({ since: '2026-03-02' }),
      new Map([['b', { downloads: 0, bytes: 7 }]]),
    )
    t.same(await downloads.days(['a', 'nothing'], {}), [
      row('a', '2026-02-28', 4, 0),
      row('a', DAY, 3, 5e12 + 4),
    ])
    t.same(await downloads.days(['a', 'b'], { since: '2026-03-02', until: '2026-03-02' }), [
      row('b', '2026-03-02', 0, 7),
    ])
    t.same(await downloads.days([], {}), [])
    const many = Array.from({ length: 450 }, (_, i) => row(`m${1000 + i}`, DAY, 1, i))
    await downloads.add({ days: many, parts: [] })
    t.same(
      await downloads.days(
        many.map(({ archive }) => archive),
        {},
      ),
      many,
    )
    await close()
  })

  t.test('segments that several servers have sent are one download', async t => {
    const open = await make(t)
    const states = await Promise.all([open(), open(), open(), open()])
    const clients = Array.from({ length: 30 }, (_, i) => `client ${i}`)
    // Each server has every fourth segment of every download, and all of them write at the same time.
    await Promise.all(
      states.flatMap(({ downloads }, server) =>
        [0, 4].map(first =>
          downloads.add({
            days: [{ archive: 'a', day: DAY, downloads: 0, bytes: 30_000 }],
            parts: clients.map(client => partOf(client, [SEGMENTS[first + server] as Interval])),
          }),
        ),
      ),
    )
    const [{ downloads }] = states
    t.same(await downloads.totals(), new Map([['a', { downloads: 30, bytes: 240_000 }]]))
    await downloads.add({ days: [], parts: [partOf('client 1', SEGMENTS.slice(1))] })
    t.equal((await downloads.totals()).get('a')?.downloads, 30, 'what is complete starts anew')
    await downloads.add({ days: [], parts: [partOf('client 1', SEGMENTS.slice(0, 1))] })
    t.equal((await downloads.totals()).get('a')?.downloads, 31)
    await Promise.all(states.map(state => state.close()))
  })

  t.test('what began under the name of yesterday goes on under it', async t => {
    const { downloads, close } = await (await make(t))()
    const yesterday = partOf('y', SEGMENTS.slice(0, 4))
    await downloads.add({ days: [], parts: [yesterday] })
    await downloads.add({
      days: [],
      parts: [{ ...partOf('x', SEGMENTS.slice(4)), clients: ['x', 'y'] }],
    })
    t.equal((await downloads.totals()).get('a')?.downloads, 1)
    await close()
  })

  t.test('downloads that were given up are forgotten', async t => {
    const { downloads, close } = await (await make(t))()
    const half = async (client: string, of: readonly Interval[]) =>
      downloads.add({ days: [], parts: [partOf(client, of)] })
    const count = async () => (await downloads.totals()).get('a')?.downloads ?? 0
    await half('kept', SEGMENTS.slice(0, 4))
    await downloads.sweep()
    await half('kept', SEGMENTS.slice(4))
    t.equal(await count(), 1)
    await half('old', SEGMENTS.slice(0, 4))
    await downloads.sweep(Date.now() + 2 * 86_400_000 + 1)
    await half('old', SEGMENTS.slice(4))
    t.equal(await count(), 1)
    await new Promise(done => setTimeout(done, 5))
    await half('newest', SEGMENTS.slice(0, 4))
    await downloads.sweep(Date.now(), 1)
    await half('old', SEGMENTS.slice(0, 4))
    t.equal(await count(), 1, 'too many, the oldest first')
    await half('newest', SEGMENTS.slice(4))
    t.equal(await count(), 2)
    await close()
  })
}
