/** How the benchmark judges: ratios of the runs, targets, and what could not be measured. */
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as soon } from 'node:timers/promises'
import t from 'tap'
import { writeResult } from '../../bench/measure/results.mjs'
import { inTurn, isGood, runScenario } from '../../bench/measure/run-scenario.mjs'
import { judge, median, p99, verdictLine } from '../../bench/measure/verdicts.mjs'
import { freePort, startServer } from '../../bench/peers/server-process.mjs'

const SAMPLES = { rate: { ours: [30, 10, 60], nginx: [50, 50, 50] } }
const RATE = { label: 'ours / nginx', measure: 'rate', over: 'nginx' }

/** A scenario without servers. */
const scenarioOf = (prepare: (servers: object[]) => object, comparison: object = RATE) => ({
  title: 'test',
  units: { rate: '/s' },
  comparisons: [comparison],
  prepare: async (servers: object[]) => prepare(servers),
  async round(_state: object, note: (...sample: [string, string, number]) => void, i: number) {
    for (const side of ['ours', 'nginx'] as const)
      note('rate', side, SAMPLES.rate[side][i] as number)
  },
})
const quiet = () => undefined

t.test('the median of the ratios counts, the best and the worst stand beside it', async t => {
  const verdict = judge({ ...RATE, least: 0.6 }, SAMPLES)
  t.match(verdict, { value: 0.6, best: 1.2, worst: 0.2, met: true, target: { least: 0.6 } })
  t.equal(judge({ ...RATE, least: 0.61 }, SAMPLES).met, false)
  t.match(judge({ ...RATE, most: 0.6 }, SAMPLES), { best: 0.2, worst: 1.2, met: true })
  t.equal(judge({ ...RATE, most: 0.59 }, SAMPLES).met, false)
  t.equal(judge(RATE, SAMPLES).met, undefined, 'without a target it is only shown')
  const stretched = judge({ ...RATE, most: 0.7, stretch: 0.5 }, SAMPLES)
  t.match(stretched, { met: true, stretchMet: false }, 'a stretch is not demanded')
  t.match(
    verdictLine(verdict, SAMPLES, '/s'),
    /^met .*0\.6 \(1\.2 … 0\.2\) .*>= 0\.6 .*ours 30, nginx 50/,
  )
})

t.test('what is missing or no number is no verdict', async t => {
  t.throws(() => judge(RATE, {}), /0 samples of ours/)
  t.throws(() => judge(RATE, { rate: { ours: [1, 2], nginx: [1] } }), /1 of nginx/)
  t.throws(() => judge(RATE, { rate: { ours: [1], nginx: [0] } }), /no ratios/)
  t.throws(() => judge(RATE, { rate: { ours: [0], nginx: [1] } }), /no ratios/)
  t.equal(median([3, 1, 2]), 2)
  t.equal(median([4, 1, 2, 3]), 2.5, 'neither the better nor the worse of two counts')
  t.throws(() => p99([]), /nothing/)
  t.equal(p99(Array.from({ length: 200 }, (_, i) => i + 1)), 198)
})

t.test('sides begin in turn', async t => {
  t.same(
    [0, 1, 2, 3].map(round => inTurn(['a', 'b', 'c'], round).join('')),
    ['abc', 'bca', 'cab', 'abc'],
  )
})

t.test('a missed target is not good', async t => {
  const run = (comparison: object) =>
    runScenario(
      scenarioOf(() => ({}), comparison),
      3,
      quiet,
    )
  t.equal(isGood(await run({ ...RATE, least: 0.6 })), true)
  t.equal(isGood(await run({ ...RATE, least: 0.7 })), false)
  t.same((await run(RATE)).samples, SAMPLES)
})

t.test(
  'a peer that does not start fails the scenario, and what has started is stopped',
  async t => {
    const stopped: string[] = []
    const port = await freePort()
    for (const [program, args] of [
      ['false', []],
      ['/there/is/no/such/program', []],
    ] as const) {
      const scenario = {
        ...scenarioOf(() => ({})),
        async prepare(servers: object[]) {
          servers.push({ stop: async () => stopped.push(program) })
          const server = { name: 'test-peer', program, args, port }
          servers.push(await startServer(server, async () => false))
        },
      }
      const result = await runScenario(scenario, 1, quiet)
      t.match(result.failed, /test-peer did not start/)
      t.equal(isGood(result), false)
    }
    t.equal(stopped.length, 2)
  },
)

t.test('a server that has ended did not start, whoever answers in its place', async t => {
  const file = join(t.testdir(), 'pid')
  const args = ['-e', `require('node:fs').writeFileSync('${file}', String(process.pid))`]
  const server = { name: 'test-peer', program: process.execPath, args, port: await freePort() }
  await t.rejects(
    startServer(server, async () => false),
    /did not start/,
  )
  const whenItHasEnded = async () => {
    while (existsSync(`/proc/${readFileSync(file, 'utf8')}`)) await soon(20)
    return true
  }
  rmSync(file)
  const isRight = async () => existsSync(file) && readFileSync(file).length > 0 && whenItHasEnded()
  await t.rejects(startServer(server, isRight), /did not start/)
})

t.test('a server is weighed with what it has started, and stopped with it', async t => {
  const child = `require('node:child_process').spawn(process.execPath, ['-e', 'setTimeout(() => {}, 60000)'])`
  const args = ['-e', `${child}; setTimeout(() => {}, 60000)`]
  const port = await freePort()
  const server = await startServer(
    { name: 'test-peer', program: process.execPath, args, port },
    async () => true,
  )
  const pid = Number(server.pid)
  while (children(pid).length === 0) await soon(20)
  const [own = 0] = children(pid)
  // Read after the sum: only what was started can make that larger. Without it this would wait for ever.
  while (server.peakBytes() <= peakOf(pid)) await soon(20)
  const resident = server.residentBytes()
  t.ok(resident > 0 && server.peakBytes() >= resident)
  await server.stop()
  const isLeft = () => {
    try {
      return !/^State:\s+Z/m.test(readFileSync(`/proc/${own}/status`, 'utf8'))
    } catch {
      return false
    }
  }
  while (isLeft()) await soon(20)
  t.pass('its child has ended too')
})

const peakOf = (pid: number) =>
  Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024

const children = (pid: number) =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number)

t.test('results of other benchmarks and other scenarios stay', async t => {
  const file = join(t.testdir(), 'results.json')
  writeResult(file, { cores: 2 }, 'a', { runs: 1 })
  writeFileSync(file, JSON.stringify({ store: 7, ...JSON.parse(readFileSync(file, 'utf8')) }))
  writeResult(file, { cores: 4 }, 'b', { runs: 2 })
  t.same(JSON.parse(readFileSync(file, 'utf8')), {
    store: 7,
    serving: { machine: { cores: 4 }, scenarios: { a: { runs: 1 }, b: { runs: 2 } } },
  })
})
