import fc from 'fast-check'
import t from 'tap'
import { coversAll, type Interval, mergedIntervals } from '../../src/domain/byte-intervals.ts'
import { csvText } from '../../src/domain/csv-text.ts'
import {
  advance,
  type DownloadPart,
  type DownloadProgress,
  mergeParts,
  progressKey,
} from '../../src/domain/download-progress.ts'
import { propertySeed } from '../support/property-seed.ts'

const SIZE = 100

const progress = (more: Partial<DownloadProgress>): DownloadProgress => ({
  size: SIZE,
  covered: [],
  begun: 0,
  arrived: 0,
  beganAt: 0,
  endedAt: 0,
  ...more,
})

const part = (more: Partial<DownloadPart> = {}, ...covered: Interval[]): DownloadPart => ({
  clients: ['today', 'yesterday'],
  archive: 'a',
  view: 'stored',
  day: '2026-01-01',
  progress: progress({ covered }),
  ...more,
})

/** Downloads that parts complete, one after the other. */
function counted(parts: readonly DownloadPart[], known = new Map<string, DownloadProgress>()) {
  let downloads = 0
  mergeParts(known, parts, (_part, more) => {
    downloads += more
  })
  return downloads
}

/** Answers of a client that asks twice: `A` was dropped, `C` has arrived; each a second after the one before. */
const asked = (outcomes: string, gapMs = 1000) =>
  [...outcomes].map((outcome, i) =>
    part({
      progress: progress({
        begun: 1,
        arrived: outcome === 'C' ? 1 : 0,
        beganAt: i * gapMs,
        endedAt: i * gapMs + 10,
      }),
    }),
  )

t.test('intervals are merged as the bytes that they name', async t => {
  const interval = fc
    .tuple(fc.nat(60), fc.nat(60))
    .map(([start, size]) => [start, start + size] as const)
  fc.assert(
    fc.property(fc.array(interval, { maxLength: 12 }), intervals => {
      const bytes = new Set<number>()
      for (const [start, end] of intervals) for (let i = start; i < end; i += 1) bytes.add(i)
      const merged = mergedIntervals(intervals)
      const again = new Set<number>()
      for (const [start, end] of merged) for (let i = start; i < end; i += 1) again.add(i)
      t.same([...again].sort(), [...bytes].sort())
      for (const [i, [start]] of merged.entries()) {
        if (i > 0 && start <= (merged[i - 1]?.[1] ?? 0)) throw new Error('they touch')
      }
      const size = Math.max(1, ...bytes) + 1
      t.equal(coversAll(merged, size), bytes.size === size)
    }),
    { seed: propertySeed(t) },
  )
})

t.test(
  'a client that asks for every other byte is remembered in part, never in excess',
  async t => {
    const holes = Array.from({ length: 5000 }, (_, i): Interval => [i * 10, i * 10 + 1 + (i % 5)])
    const merged = mergedIntervals(holes)
    t.equal(merged.length, 1000)
    t.ok(merged.every(([start, end], i) => end - start === 5 && start > (merged[i - 1]?.[1] ?? -1)))
  },
)

t.test('segments are one download, in whatever order and however they overlap', async t => {
  const cuts = fc.uniqueArray(fc.integer({ min: 1, max: SIZE - 1 }), { maxLength: 10 })
  const segments = cuts.chain(all => {
    const edges = [0, ...all.sort((a, b) => a - b), SIZE]
    const pieces = edges.slice(1).map((end, i): Interval => [edges[i] as number, end])
    return fc.shuffledSubarray(pieces, { minLength: pieces.length, maxLength: pieces.length })
  })
  fc.assert(
    fc.property(segments, pieces => {
      const known = new Map<string, DownloadProgress>()
      t.equal(
        counted(
          pieces.slice(1).map(piece => part({}, piece)),
          known,
        ),
        0,
      )
      t.equal(counted([part({}, pieces[0] as Interval)], known), 1)
      t.equal(known.size, 0, 'and it starts anew')
    }),
    { seed: propertySeed(t) },
  )
  t.equal(counted([part({}, [0, 60]), part({}, [40, 99]), part({}, [50, 100])]), 1)
  t.equal(counted([part({}, [0, 99]), part({}, [0, 99])]), 0)
  t.equal(
    counted([part({}, [0, 50]), part({}, [50, 100]), part({}, [0, 50]), part({}, [50, 100])]),
    2,
  )
  t.equal(counted([part({}, [0, 50]), part({ view: 'tar' }, [50, 100])]), 0, 'of one form')
  t.equal(counted([part({}, [0, 50]), part({ archive: 'b' }, [50, 100])]), 0, 'of one archive')
  t.equal(counted([part({}, [0, 50]), part({ clients: ['other'] }, [50, 100])]), 0, 'by one client')
})

t.test('a download goes on over midnight', async t => {
  const known = new Map<string, DownloadProgress>()
  t.equal(counted([part({ clients: ['yesterday', 'before'] }, [0, 50])], known), 0)
  t.equal(counted([part({}, [50, 100])], known), 1)
  t.equal(known.size, 0)
})

t.test('a pull of a client that asks twice is one download', async t => {
  for (const [outcomes, downloads] of [
    ['A', 0],
    ['C', 1],
    ['AC', 1],
    ['CC', 1],
    ['AA', 0],
    ['ACAC', 2],
    ['CCCC', 2],
    ['ACCC', 2],
    ['CCAC', 2],
    ['AAAC', 1],
    ['AAAAACCCCC', 5],
    ['CCCCCCCCCC', 5],
  ] as const) {
    t.equal(counted(asked(outcomes)), downloads, outcomes)
    t.equal(counted(asked(outcomes).reverse()), downloads, `${outcomes}, as servers tell of it`)
  }
  t.equal(counted(asked('CCC', 60_000)), 3, 'far apart they are no pair')
  const [early, ...late] = asked('ACC', 60_000)
  t.equal(counted([early as DownloadPart, ...late]), 2)
})

t.test('bytes of a client that asks twice are merged as those of others', async t => {
  const known = new Map<string, DownloadProgress>()
  const dropped = part({ progress: progress({ begun: 1, covered: [[0, 70]] }) })
  t.equal(counted([dropped], known), 0)
  t.equal(counted([part({}, [70, 100])], known), 1)
  t.same(known.get(progressKey({ client: 'today', archive: 'a', view: 'stored' })), {
    ...progress({ begun: 1 }),
  })
  const later = advance(undefined, progress({ covered: [[0, 1]], beganAt: 5, endedAt: 9 }))
  t.match(advance(later.after, progress({ covered: [[3, 4]], beganAt: 2, endedAt: 7 })).after, {
    beganAt: 2,
    endedAt: 9,
  })
})

t.test('cells of CSV are quoted where they must be', async t => {
  t.equal(
    csvText(
      ['a', 'b'],
      [
        ['1,2', 'say "x"'],
        ['', 'y\n'],
      ],
    ),
    'a,b\n"1,2","say ""x"""\n,"y\n"\n',
  )
})
