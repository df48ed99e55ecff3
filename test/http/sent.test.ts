/** The pieces that download counts are made of, each for itself. */
import { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'
import t from 'tap'
import type { DownloadPart } from '../../src/domain/download-progress.ts'
import { DownloadNames, dayOf } from '../../src/http/access/download-names.ts'
import { PartialMemory } from '../../src/http/access/partial-memory.ts'
import { type Sent, sortSent } from '../../src/http/access/sent.ts'
import { UnsettledAnswers } from '../../src/http/access/unsettled-answers.ts'

const AT = Date.parse('2026-05-01T12:00:00Z')

const sent = (more: Partial<Sent>): Sent => ({
  archive: 'a',
  view: 'stored',
  asker: '192.0.2.1',
  agent: 'curl/8',
  size: 100,
  ranges: [{ start: 0, end: 100 }],
  bodySent: 100,
  arrived: true,
  beganAt: AT,
  endedAt: AT,
  ...more,
})

t.test('what counts at once, and what must be merged first', async t => {
  const day = { archive: 'a', day: '2026-05-01', downloads: 0, bytes: 100 }
  t.same(sortSent(sent({})), { day: { ...day, downloads: 1 } })
  t.same(sortSent(sent({ view: undefined })), { day }, 'a file')
  t.equal(sortSent(sent({ endedAt: AT + 86_400_000 })).day.day, '2026-05-02', 'the day it ended')
  const covered = (more: Partial<Sent>) => sortSent(sent(more)).part?.progress.covered
  const lost = { arrived: false }
  t.same(covered({ ...lost, bodySent: 40 }), [[0, 40]])
  t.same(covered({ ...lost, bodySent: 100 }), [[0, 99]], 'the last byte has not arrived')
  t.equal(covered({ ...lost, bodySent: 0 }), undefined)
  t.equal(covered({ ...lost, size: 1, ranges: [{ start: 0, end: 1 }], bodySent: 1 }), undefined)
  const two = [
    { start: 0, end: 10 },
    { start: 20, end: 30 },
  ]
  t.same(covered({ ranges: two }), [
    [0, 10],
    [20, 30],
  ])
  t.equal(covered({ ranges: two, ...lost }), undefined, 'nobody knows how far it came')
  const urllib = { agent: 'Python-urllib/3.11' }
  t.match(sortSent(sent(urllib)), {
    day: { downloads: 0 },
    part: {
      asker: '192.0.2.1\nPython-urllib/3.11',
      progress: { begun: 1, arrived: 1, covered: [] },
    },
  })
  t.match(sortSent(sent({ ...urllib, ...lost, bodySent: 0 })).part, {
    progress: { begun: 1, arrived: 0, covered: [] },
  })
  t.match(sortSent(sent({ ...urllib, ranges: [{ start: 0, end: 50 }] })).part?.progress, {
    begun: 0,
    covered: [[0, 50]],
  })
})

t.test('names of clients tell nothing, and change with the day', async t => {
  const names = new DownloadNames()
  const [today, yesterday] = names.of('192.0.2.1\ncurl', '2026-03-01')
  t.match(today, /^[\w-]{43}$/)
  t.same(names.of('192.0.2.1\ncurl', '2026-02-28')[0], yesterday)
  t.not(names.of('192.0.2.2\ncurl', '2026-03-01')[0], today)
  t.not(new DownloadNames().of('192.0.2.1\ncurl', '2026-03-01')[0], today, 'in another process')
})

t.test('the memory of unfinished downloads is bounded, the oldest goes first', async t => {
  const memory = new PartialMemory()
  const half = (client: string, start: number, at = AT): DownloadPart => {
    const progress = {
      size: 100,
      covered: [[start, start + 50]] as const,
      begun: 0,
      arrived: 0,
      beganAt: at,
      endedAt: at,
    }
    return { clients: [client], archive: 'a', view: 'stored', day: dayOf(at), progress }
  }
  memory.merge([half('old', 0, AT - 86_400_001), half('new', 0)], AT)
  t.same(
    memory.parts().map(({ clients }) => clients),
    [['new']],
  )
  const many = Array.from({ length: 20_000 }, (_, i) => half(`client ${i}`, 0))
  t.same(memory.merge(many, AT), [])
  t.equal(memory.parts().length, 20_000)
  t.same(memory.merge([half('new', 50)], AT), [], 'it was forgotten')
  t.same(memory.merge([half('client 19999', 50)], AT), [
    { archive: 'a', day: '2026-05-01', downloads: 1, bytes: 0 },
  ])
  const asked = { ...half('urllib', 0).progress, covered: [], begun: 1, arrived: 1 }
  memory.clear()
  t.equal(memory.merge([{ ...half('urllib', 0), progress: asked }], AT).length, 1)
  t.same(memory.parts(), [], 'what was counted here is not counted elsewhere')
})

t.test('an answer is held back until its connection tells', async t => {
  const unsettled = new UnsettledAnswers(60_000)
  const socket = (more: object = {}) =>
    Object.assign(new EventEmitter(), { destroyed: false, errored: null, ...more })
  const outcomes: boolean[] = []
  const hold = (on: EventEmitter) =>
    unsettled.hold(on as unknown as Socket, lost => outcomes.push(lost))
  hold(socket({ destroyed: true }))
  hold(socket({ destroyed: true, errored: new Error('reset') }))
  t.same(outcomes.splice(0), [false, true], 'over already')
  const [broken, closed, busy, idle] = [socket(), socket(), socket(), socket()]
  for (const each of [broken, closed, busy, idle]) hold(each)
  broken.emit('close', true)
  closed.emit('close', false)
  t.same(outcomes.splice(0), [true, false])
  hold(busy)
  t.same(outcomes.splice(0), [false], 'more was asked for on it')
  unsettled.settleAll()
  t.same(outcomes.splice(0), [false, false])
  for (const each of [broken, closed, busy, idle]) {
    each.emit('close', true)
    t.equal(each.listenerCount('close'), 0)
  }
  t.same(outcomes, [], 'each is told once')
  // Its own timer keeps no process alive.
  const alive = setTimeout(() => {}, 10_000)
  await new Promise<void>(done => new UnsettledAnswers(1).hold(socket() as never, () => done()))
  clearTimeout(alive)
})
