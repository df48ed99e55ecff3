// 100,000 archives: a cold start takes no more than its share of time, and requests do not notice how many there are.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ARCHIVES_PER_GENOME, genomeDigest, largeCatalogue } from '../inputs/large-catalogue.mjs'
import { CONNECTIONS, wrk } from '../load/wrk.mjs'
import { bodyOf, expectation, guarded } from '../measure/guard.mjs'
import { inTurn } from '../measure/run-scenario.mjs'
import { checked, freshState, startRefdepot } from '../peers/refdepot.mjs'
import { CLIENT_CORE, SERVER_CORE, WORK } from '../places.mjs'
import { knowsLast } from './catalogue-servers.mjs'

const [FEW, SOME, MANY] = [1000, 20_000, 100_000]
// Linear, with what a collector of a larger heap and a noisy machine may add.
const TOLERANCE = 1.3
const MOST_START = (MANY / SOME) * TOLERANCE
const MOST_P99 = 2
const SECONDS = 5
const GENOMES_ASKED = 1000
const SAMPLED = 20
const [few, some, many] = [FEW, SOME, MANY].map(count => count.toLocaleString('en'))

const catalogueOf = archives => largeCatalogue(archives / ARCHIVES_PER_GENOME)
const attributesPath = i => `/v3/assets/attrs/${genomeDigest(i)}/fasta`

/** Places of genomes, spread over the whole catalogue; each is asked for in turn. */
const spread = (genomes, count) =>
  Array.from({ length: Math.min(count, genomes) }, (_, i) =>
    Math.floor((i * genomes) / Math.min(count, genomes)),
  )

async function startPinned(servers, archives) {
  const input = catalogueOf(archives)
  const place = { config: input.config, state: freshState(`growth-${archives}`), core: SERVER_CORE }
  const server = await startRefdepot(place, knowsLast(input))
  servers.push(server)
  await checked(server)
  const pathsFile = join(WORK, `paths-${archives}.txt`)
  const asked = spread(input.genomes, GENOMES_ASKED).map(attributesPath)
  writeFileSync(pathsFile, `${asked.join('\n')}\n`)
  const samples = []
  for (const i of spread(input.genomes, SAMPLED)) {
    const url = server.url + attributesPath(i)
    const body = await bodyOf(url)
    if (!body.includes(`${genomeDigest(i)}.fa`)) throw new Error(`${url} tells of another genome`)
    samples.push({ url, expected: expectation(body) })
  }
  return { server, pathsFile, samples }
}

async function coldStart(archives, note) {
  const input = catalogueOf(archives)
  const place = { config: input.config, state: freshState('growth-cold') }
  const server = await startRefdepot(place, knowsLast(input))
  try {
    note('cold start', side(archives), server.seconds)
  } finally {
    await server.stop()
  }
}

const side = archives => `${archives.toLocaleString('en')} archives`

/** @type scenario, see measure/run-scenario.mjs */
export const scenario = {
  title: `${many} archives`,
  units: { 'cold start': 's', p99: 'ms', rate: '/s', memory: 'MB' },
  comparisons: [
    {
      label: `cold start: ${many} / ${some} archives`,
      measure: 'cold start',
      side: side(MANY),
      over: side(SOME),
      most: MOST_START,
    },
    {
      label: `p99 of attributes: ${many} / ${few} archives`,
      measure: 'p99',
      side: side(MANY),
      over: side(FEW),
      most: MOST_P99,
    },
    {
      label: `attributes a second: ${many} / ${few} archives`,
      measure: 'rate',
      side: side(MANY),
      over: side(FEW),
    },
    {
      label: `most memory, MB, ${many} archives`,
      measure: 'memory',
      side: side(MANY),
      smallerIsBetter: true,
    },
  ],
  async prepare(servers) {
    const started = {}
    for (const archives of [FEW, MANY]) started[archives] = await startPinned(servers, archives)
    return { started }
  },
  async round({ started }, note, round) {
    for (const archives of inTurn([FEW, MANY], round)) {
      const { server, pathsFile, samples } = started[archives]
      const counted = await guarded(samples, CONNECTIONS, () =>
        wrk(server.url, { seconds: SECONDS, core: CLIENT_CORE, pathsFile }),
      )
      note('p99', side(archives), counted.p99Ms)
      note('rate', side(archives), counted.requests / counted.seconds)
      note('memory', side(archives), server.peakBytes() / 1e6)
    }
    for (const archives of inTurn([SOME, MANY], round)) await coldStart(archives, note)
  },
}
