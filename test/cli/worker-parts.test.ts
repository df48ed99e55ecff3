import { appendFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import type { MemberIndex } from '../../src/archive/member-index.ts'
import { FarError } from '../../src/cli/exit-codes.ts'
import { coresWithin, workerCount } from '../../src/cli/worker-count.ts'
import { WorkerDesk } from '../../src/cli/worker-desk.ts'
import { leastOf } from '../../src/cli/worker-health.ts'
import { type LineHandlers, type LinePort, WorkerLine } from '../../src/cli/worker-line.ts'
import { workerEnvironment, workerNodeFlags } from '../../src/cli/worker-memory.ts'
import type { PrimaryQuestions, WorkerNews } from '../../src/cli/worker-messages.ts'
import { SharedBudget, SharedGate, SharedHashing } from '../../src/cli/worker-shares.ts'
import { resolveSettings } from '../../src/config/settings.ts'

const valuesOf = (flags: Record<string, string>) =>
  resolveSettings({ flags, environment: {}, file: {} })

/** Two ends of a line in one process; messages are texts in between, as they are between processes. */
function ports(): [LinePort, LinePort] {
  const heard: ((message: unknown) => void)[] = []
  const port = (own: number): LinePort => ({
    send: message => {
      const text = JSON.stringify(message)
      setImmediate(() => heard[1 - own]?.(JSON.parse(text)))
    },
    on: (_event, received) => {
      heard[own] = received
    },
  })
  return [port(0), port(1)]
}

/** A desk, and lines of workers that lead to it. */
function deskFor(flags: Record<string, string>) {
  const desk = new WorkerDesk(valuesOf(flags))
  const worker = (number: number) => {
    const [near, far] = ports()
    const handlers = {
      answer: question => desk.answer(number, question),
      hear: news => desk.hear(number, news),
    } satisfies LineHandlers
    new WorkerLine(far, handlers)
    const silent: LineHandlers = { answer: () => undefined, hear: () => {} }
    return new WorkerLine<PrimaryQuestions, WorkerNews>(near, silent)
  }
  return { desk, worker }
}

t.test('the number of workers comes from the setting, the cores and the container', async t => {
  t.equal(coresWithin('', 8), 8)
  t.equal(coresWithin('max 100000\n', 8), 8)
  t.equal(coresWithin('150000 100000\n', 8), 2)
  t.equal(coresWithin('1000 100000\n', 8), 1)
  t.equal(coresWithin('1600000 100000\n', 8), 8)
  t.equal(await workerCount(valuesOf({})), 1)
  t.equal(await workerCount(valuesOf({ workers: '3' })), 3)
  t.ok((await workerCount(valuesOf({ workers: 'auto' }))) >= 1)
  t.equal(await workerCount(valuesOf({ workers: 'auto', 'cache-folder': '/c' })), 1)
  const two = (single: Record<string, string>) => workerCount(valuesOf({ workers: '2', ...single }))
  await t.rejects(two({ 'cache-folder': '/c' }), { code: 'setting-invalid' })
  await t.rejects(two({ 'sendfile-report': '127.0.0.1:9' }), { code: 'setting-invalid' })
})

t.test('a check is as far as the one that is least far', async t => {
  const running = { state: 'running', checked: 5, total: 10 } as const
  const done = { state: 'done', checked: 10, total: 10 } as const
  t.match(leastOf([]), { state: 'waiting' })
  t.equal(leastOf([done, running]), running)
  t.equal(leastOf([done, { ...running, checked: 10 }]).state, 'running')
  t.match(leastOf([done, { state: 'waiting', checked: 0, total: 0 }]), { state: 'waiting' })
})

t.test('a line carries answers and errors, and tells when the other end is gone', async t => {
  const [near, far] = ports()
  const answers: LineHandlers = {
    answer: ({ fails }: { readonly fails: boolean }) => {
      if (fails) throw new FarError('it is broken', 3)
    },
    hear: () => {},
  }
  new WorkerLine(far, answers)
  interface Asked {
    readonly try: { readonly question: { kind: 'try'; fails: boolean }; readonly answer: null }
  }
  const line = new WorkerLine<Asked, object>(near, { answer: () => undefined, hear: () => {} })
  t.equal(await line.ask({ kind: 'try', fails: false }), null)
  await t.rejects(line.ask({ kind: 'try', fails: true }), { message: 'it is broken', exitCode: 3 })
  const waiting = line.ask({ kind: 'try', fails: false })
  line.close(new Error('gone'))
  await t.rejects(waiting, { message: 'gone' })
  await t.rejects(line.ask({ kind: 'try', fails: false }), { message: 'gone' })
})

t.test(
  'budgets are those of all workers, and a worker that ends gives its transfers back',
  async t => {
    const { desk, worker } = deskFor({ 'transfers-address': '2', 'limit-address': '1000B/y' })
    const [one, two] = [worker(1), worker(2)]
    const [first, second] = [new SharedBudget(one, {}), new SharedBudget(two, {})]
    await first.begin('a', undefined, 100)
    const transfer = await second.begin('a', 'token', 100)
    const full = /this address has 2 transfers running already; try again in 1 seconds/
    await t.rejects(first.begin('a', undefined, 1), { code: 'too-many-requests', message: full })
    transfer.end(0)
    // The end is on its way while the next one is asked for elsewhere.
    await first.begin('a', undefined, 100)
    desk.forget(1)
    const rest = await second.begin('a', undefined, 5000)
    rest.end(5000)
    await t.rejects(
      second.begin('a', undefined, 1),
      { message: /budget of bytes/ },
      'what was sent',
    )
    desk.forget(7)
    await desk.close()
  },
)

t.test('guesses are counted over all workers; who was accepted is not asked about', async t => {
  const { desk, worker } = deskFor({})
  const gates = [new SharedGate(worker(1)), new SharedGate(worker(2))] as const
  await gates[0].admit('a', 'good')
  gates[0].note('a', 'good', 'accepted')
  gates[0].note('a', 'good', 'accepted')
  for (let i = 0; i < 11; i += 1) await gates[i % 2 === 0 ? 0 : 1].admit('a', `guess ${i}`)
  for (const gate of gates) await t.rejects(gate.admit('a', 'x'), { code: 'too-many-requests' })
  await gates[0].admit('a', 'good')
  await gates[1].admit('a', 'good')
  await gates[0].admit('', 'nobody')
  gates[0].note('', 'nobody', 'guessed')
  for (let i = 0; i < 10_010; i += 1) gates[0].note(`${i}`, 'y', 'accepted')
  await gates[0].admit('10009', 'y')
  await desk.close()
})

t.test('each state of a file is hashed once, whoever asks', async t => {
  const folder = t.testdir({ a: 'content' })
  const path = join(folder, 'a')
  const { desk, worker } = deskFor({})
  const [one, two] = [new SharedHashing(worker(1)), new SharedHashing(worker(2))]
  const [first, second] = await Promise.all([one.digests(path), two.digests(path)])
  t.same(first, second)
  t.equal(first.size, 7)
  t.equal(
    await desk.answer(1, { kind: 'digests', path }),
    await desk.answer(2, { kind: 'digests', path }),
  )
  await appendFile(path, ' and more')
  t.equal((await two.digests(path)).size, 16)
  const none = join(folder, 'none')
  await t.rejects(one.digests(none), { code: 'storage-failed', message: /cannot read .*none/ })
  await writeFile(none, 'there')
  t.equal((await one.digests(none)).size, 5)
  const index = { entries: [], genome: 'g' } as unknown as MemberIndex
  const view = { archive: join(folder, 'absent'), index, naming: {} as never }
  await t.rejects(one.viewDigests(view), /./)
  await one.stop()
  await desk.close()
})

t.test('a worker is told to be sparing, unless an operator has said otherwise', async t => {
  const flags = workerNodeFlags(['--max-semi-space-size=32'])
  // The last one counts.
  t.equal(flags.at(-1), '--max-semi-space-size=32')
  t.equal(workerNodeFlags([]).length, flags.length - 1)
  t.same(workerEnvironment({}), { MALLOC_ARENA_MAX: '1' })
  t.same(workerEnvironment({ MALLOC_ARENA_MAX: '8' }), {})
})
