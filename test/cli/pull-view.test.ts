/** What a pull shows. */
import { setTimeout as wait } from 'node:timers/promises'
import t from 'tap'
import { formatSeconds, PullProgress } from '../../src/cli/pull-progress.ts'
import { pullView } from '../../src/cli/pull-view.ts'
import { PullRefused } from '../../src/domain/transfer-errors.ts'

// Much longer than any machine takes to draw a bar.
const DRAWN_MS = 60_000
const MB = 1024 * 1024
const subject = 't7/fasta:default'
const done = {
  event: 'done',
  subject,
  action: 'pulled',
  path: '/refs/t7/fasta',
  received: 12 * MB,
  resumed: MB,
  retried: 2 * MB,
} as const

/** Takes what is written meanwhile; the action sees what is there so far. */
async function written(
  action: (texts: { readonly stdout: string; readonly stderr: string }) => void | Promise<void>,
) {
  const texts = { stdout: '', stderr: '' }
  const before = { stdout: process.stdout.write, stderr: process.stderr.write }
  for (const name of ['stdout', 'stderr'] as const) {
    process[name].write = ((text: string) => {
      texts[name] += text
      return true
    }) as typeof process.stdout.write
  }
  try {
    await action(texts)
  } finally {
    process.stdout.write = before.stdout
    process.stderr.write = before.stderr
  }
  return texts
}

t.test('progress counts what is in place, not what must come again', async t => {
  const progress = new PullProgress()
  progress.take({ event: 'planned', assets: 2, current: 0, bytes: 20 })
  progress.take({ event: 'begin', subject, bytes: 10 })
  progress.take({ event: 'resumed', subject, bytes: 3 })
  progress.take({ event: 'received', subject, bytes: 4 })
  progress.take({ event: 'retried', subject, bytes: 2, reason: 'damaged' })
  progress.take({ event: 'hashed', subject, bytes: 5 })
  progress.take({ event: 'verified', subject, bytes: 2 })
  progress.take({ event: 'received', subject: 'nobody', bytes: 4 })
  t.match(progress.open.get(subject), { done: 5, received: 4, retried: 2, hashed: 5 })
  t.match(progress, { done: 5, retried: 2, ended: 0 })
  progress.take({ event: 'received', subject, bytes: 40 })
  t.equal(progress.open.get(subject)?.done, 10, 'never more than there is')
  progress.take({ event: 'failed', subject: 'other', error: new PullRefused('no') })
  progress.take({ ...done, subject })
  t.match(progress, { done: 10, ended: 2, open: new Map() })
})

t.test('the rate is that of the last seconds', async t => {
  const progress = new PullProgress()
  progress.take({ event: 'planned', assets: 1, current: 0, bytes: 5000 })
  progress.take({ event: 'begin', subject, bytes: 5000 })
  t.equal(progress.rate(0), 0)
  t.equal(progress.secondsLeft(0), undefined)
  progress.take({ event: 'received', subject, bytes: 1000 })
  t.equal(progress.rate(1000), 1000)
  t.equal(progress.secondsLeft(1000), 4)
  t.equal(progress.rate(10_000), 0, 'nothing came since')
  t.same([undefined, 7, 200, 7500].map(formatSeconds), ['?', '7s', '3m 20s', '2h 5m'])
})

t.test('JSON, one event a line', async t => {
  const { stdout } = await written(async () => {
    const view = pullView({ json: true })
    view.onEvent({ event: 'planned', assets: 1, current: 0, bytes: 10 })
    view.onEvent({ event: 'begin', subject, bytes: 10 })
    view.onEvent({ event: 'received', subject, bytes: 4 })
    await new Promise(ready => setTimeout(ready, 1100))
    view.onEvent({ event: 'failed', subject: 'x', error: new PullRefused('no') })
    view.onEvent(done)
    view.end({ done: [done], failed: [{ subject: 'x', error: new PullRefused('no') }] })
    view.close()
  })
  const lines = stdout.trim().split('\n')
  t.match(
    lines.map(line => JSON.parse(line)),
    [
      { event: 'planned', bytes: 10 },
      { event: 'begin', subject },
      { event: 'progress', subject, total: 10, done: 4, received: 4, retried: 0, hashed: 0 },
      { event: 'failed', subject: 'x', error: 'no', code: 'pull-refused' },
      { event: 'done', action: 'pulled' },
      { event: 'summary', pulled: 1, current: 0, failed: 1, received: 12 * MB, retried: 2 * MB },
    ],
  )
})

t.test('what was fetched of an asset that failed counts, too', async t => {
  const { stdout } = await written(() => {
    const view = pullView({ json: true })
    view.onEvent({ event: 'begin', subject: 'x', bytes: 10 })
    view.onEvent({ event: 'resumed', subject: 'x', bytes: 2 })
    view.onEvent({ event: 'received', subject: 'x', bytes: 4 })
    view.onEvent({ event: 'retried', subject: 'x', bytes: 3, reason: 'damaged' })
    const failed = { subject: 'x', error: new PullRefused('no') }
    view.onEvent({ event: 'failed', ...failed })
    view.end({ done: [done], failed: [failed] })
    view.close()
  })
  t.match(JSON.parse(stdout.trim().split('\n').at(-1) ?? ''), {
    received: 12 * MB + 4,
    resumed: MB + 2,
    retried: 2 * MB + 3,
  })
})

t.test('one failure of many connections is one line', async t => {
  const { stderr } = await written(() => {
    const view = pullView({})
    for (const reason of ['refused', 'refused', 'reset', 'refused']) {
      view.onEvent({ event: 'retried', subject, bytes: 0, reason })
    }
    // What is fetched once more is always told.
    for (let i = 0; i < 2; i += 1)
      view.onEvent({ event: 'retried', subject, bytes: MB, reason: 'damaged' })
    view.close()
  })
  t.same(stderr.trim().split('\n'), [
    `${subject}: tried again: refused`,
    `${subject}: tried again: reset`,
    `${subject}: 1.00 MB again: damaged`,
    `${subject}: 1.00 MB again: damaged`,
  ])
})

t.test('lines, and failures alone', async t => {
  const events = (view: ReturnType<typeof pullView>) => {
    view.onEvent({ event: 'note', message: 'a note' })
    view.onEvent({ event: 'planned', assets: 3, current: 1, bytes: 14 * MB })
    view.onEvent({ event: 'missing', subject: 'a/b:c', bytes: MB })
    view.onEvent({ event: 'begin', subject, bytes: 12 * MB })
    view.onEvent({ event: 'resumed', subject, bytes: MB })
    view.onEvent({ event: 'retried', subject, bytes: 2 * MB, reason: 'damaged' })
    view.onEvent(done)
    view.onEvent({ event: 'failed', subject: 'x', error: new PullRefused('no') })
    view.end({ done: [done], failed: [{ subject: 'x', error: new PullRefused('no') }] })
    view.close()
  }
  const lines = await written(() => events(pullView({})))
  t.equal(lines.stdout, `missing  a/b:c  1.00 MB\npulled   ${subject}  /refs/t7/fasta\n`)
  t.same(lines.stderr.split('\n').slice(0, 4), [
    'a note',
    '3 assets, 1 are there; 14.00 MB to fetch',
    `${subject}: 1.00 MB are there from before`,
    `${subject}: 2.00 MB again: damaged`,
  ])
  t.match(lines.stderr, /FAILED {3}x: no\n1 pulled, 0 there already, 1 failed, 12.00 MB received, /)
  t.same(await written(() => events(pullView({ quiet: true }))), {
    stdout: '',
    stderr: 'FAILED   x: no\n',
  })
})

t.test('without a terminal a line every few seconds', async t => {
  const { now } = Date
  t.teardown(() => {
    Date.now = now
  })
  let passed = 0
  Date.now = () => now() + passed
  const later = () => {
    passed += 6000
  }
  const { stderr } = await written(() => {
    const view = pullView({})
    later()
    view.onEvent({ event: 'looked-up', done: 5, total: 20 })
    view.onEvent({ event: 'planned', assets: 2, current: 0, bytes: 12 * MB })
    view.onEvent({ event: 'begin', subject, bytes: 12 * MB })
    view.onEvent({ event: 'received', subject, bytes: 3 * MB })
    view.onEvent({ event: 'retried', subject, bytes: MB, reason: 'damaged' })
    later()
    view.onEvent({ event: 'received', subject, bytes: MB })
    view.onEvent({ event: 'received', subject, bytes: 9 * MB })
    later()
    view.onEvent({ event: 'hashed', subject, bytes: 6 * MB })
    view.close()
  })
  t.match(stderr, /looked up 5 of 20\n/)
  t.match(stderr, /25 %: 0 of 2, 3\.00 MB of 12\.00 MB, .*\/s, .* left, 1\.00 MB fetched again\n/)
  t.match(stderr, new RegExp(`checking ${subject}: 50 %\n`))
})

t.test('on a terminal a bar for each asset and one for all', async t => {
  const { isTTY } = process.stderr
  process.stderr.isTTY = true
  t.teardown(() => {
    process.stderr.isTTY = isTTY
  })
  const { stderr, stdout } = await written(async texts => {
    const view = pullView({})
    view.onEvent({ event: 'planned', assets: 2, current: 0, bytes: 24 * MB })
    view.onEvent({ event: 'begin', subject, bytes: 12 * MB })
    view.onEvent({ event: 'received', subject, bytes: 7 * MB })
    view.onEvent({ event: 'hashed', subject, bytes: 3 * MB })
    view.onEvent({ event: 'retried', subject, bytes: MB, reason: 'damaged' })
    const until = Date.now() + DRAWN_MS
    while (!texts.stderr.includes('checked 25 %') && Date.now() < until) await wait(20)
    view.onEvent(done)
    view.end({ done: [done], failed: [] })
    view.close()
  })
  t.match(stderr, /6\.00 MB of 12\.00 MB, checked 25 %, 1\.00 MB again/)
  t.match(stderr, /all.*0 of 2, 6\.00 MB of 24\.00 MB/s)
  t.match(stderr, /1 pulled, 0 there already/)
  t.match(stdout, /^pulled/)
})
