/** The time of an answer tells nothing either: what is hidden takes as long as what was never there. */
import { Agent, get as httpGet } from 'node:http'
import { performance } from 'node:perf_hooks'
import t from 'tap'
import { controlledApp } from '../support/controlled-app.ts'
import { HUSH, PANEL } from '../support/controlled-folder.ts'
import { LAMBDA, T7 } from '../support/genome-fixtures.ts'

/** Named by the issue; an ordinary run takes a tenth. */
const FULL_SAMPLES = 10_000
const SAMPLES = process.env.REFDEPOT_TEST_FULL === '1' ? FULL_SAMPLES : FULL_SAMPLES / 10
/** Random halves of the answers to unknown names: how far medians differ when nothing differs. */
const SPLITS = 500
// Below this share of an answer's time nobody could tell a difference over a network, nor repeat it.
const FLOOR = 0.02

const ROUNDS = 3

const micros = (ms: number) => `${(ms * 1000).toFixed(1)} µs`

const median = (values: readonly number[]) =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] as number

/** The largest difference of medians between halves that are alike. */
function noiseOf(values: readonly number[]): number {
  let largest = 0
  for (let i = 0; i < SPLITS; i += 1) {
    const halves: [number[], number[]] = [[], []]
    for (const value of values) halves[Math.random() < 0.5 ? 0 : 1].push(value)
    largest = Math.max(largest, Math.abs(median(halves[0]) - median(halves[1])))
  }
  return largest
}

t.test(`the time of an answer is below noise over ${SAMPLES} samples`, async t => {
  const { listen } = await controlledApp(t)
  const url = await listen()
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  t.teardown(() => agent.destroy())
  const time = (path: string) =>
    new Promise<number>((done, failed) => {
      const start = performance.now()
      httpGet(url + path, { agent }, answer => {
        answer.resume()
        answer.on('end', () => done(performance.now() - start))
      }).on('error', failed)
    })
  /** The difference of medians between what is hidden and what is unknown, and what it must not exceed; in milliseconds. */
  const compared = async (hidden: string, unknown: string) => {
    const times: { hidden: number[]; unknown: number[] } = { hidden: [], unknown: [] }
    for (let i = 0; i < SAMPLES; i += 1) {
      // Neither of them is always the first.
      const order =
        i % 2 === 0 ? (['hidden', 'unknown'] as const) : (['unknown', 'hidden'] as const)
      for (const kind of order) times[kind].push(await time(kind === 'hidden' ? hidden : unknown))
    }
    const usual = median(times.unknown)
    const limit = Math.max(noiseOf(times.unknown), noiseOf(times.hidden), usual * FLOOR)
    return { difference: Math.abs(median(times.hidden) - usual), usual, limit }
  }
  const unknownDigest = LAMBDA.replace(/^./, '0')
  for (const [what, hidden, unknown] of [
    ['an asset', `/t7/assets/${PANEL}/archive`, '/t7/assets/punel/archive'],
    ['an asset of v3', `/v3/assets/archive/${T7}/${PANEL}`, `/v3/assets/archive/${T7}/punel`],
    ['a tag', '/t7/assets/fasta/archive?tag=somatic', '/t7/assets/fasta/archive?tag=samotic'],
    ['a genome', `/${HUSH.alias}/assets`, '/hash/assets'],
    ['an alias of v3', `/v3/genomes/genome_digest/${HUSH.alias}`, '/v3/genomes/genome_digest/hash'],
    ['a digest', `/v3/genomes/attrs/${LAMBDA}`, `/v3/genomes/attrs/${unknownDigest}`],
  ] as const) {
    for (let i = 0; i < 200; i += 1) await time(i % 2 === 0 ? hidden : unknown)
    let isBelow = false
    let shown = ''
    // What somebody could learn shows each time; what else the machine does, does not.
    for (let round = 0; round < ROUNDS && !isBelow; round += 1) {
      const { difference, usual, limit } = await compared(hidden, unknown)
      isBelow = difference <= limit
      shown = `${what}: ${micros(difference)} of ${micros(usual)}, noise ${micros(limit)}`
      t.comment(shown)
    }
    t.ok(isBelow, shown)
  }
})
