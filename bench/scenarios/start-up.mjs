// From spawning the process to its first right answer, over 20,000 archives: with nothing kept from before (cold), and again (warm).
import { forgetDigests, largeCatalogue } from '../inputs/large-catalogue.mjs'
import { inTurn } from '../measure/run-scenario.mjs'
import { checked, freshState, startRefdepot } from '../peers/refdepot.mjs'
import { startRefgenieserver } from '../peers/refgenieserver.mjs'
import { knowsLast } from './catalogue-servers.mjs'

const MOST_COLD_TIME = 1 / 25
const MOST_WARM_TIME = 1 / 60
const MOST_MEMORY = 1 / 2
const STRETCH_MEMORY = 1 / 3
const GENOMES = 1000

// The most memory of ours is that of the start and of the check in the background that follows; the peer has no such check.
const MEASURES = {
  async ours(input, note) {
    const place = { config: input.config, state: freshState('start-up') }
    forgetDigests(input.folder)
    for (const kind of ['cold', 'warm']) {
      const server = await startRefdepot(place, knowsLast(input))
      try {
        await checked(server)
        note(`${kind} start`, 'ours', server.seconds)
        note(`memory, ${kind}`, 'ours', server.peakBytes() / 1e6)
      } finally {
        await server.stop()
      }
    }
  },
  async refgenieserver(input, note) {
    const server = await startRefgenieserver(input, knowsLast(input))
    try {
      for (const kind of ['cold', 'warm']) {
        note(`${kind} start`, 'refgenieserver', server.seconds)
        note(`memory, ${kind}`, 'refgenieserver', server.peakBytes() / 1e6)
      }
    } finally {
      await server.stop()
    }
  },
}

const over = 'refgenieserver'

/** @type scenario, see measure/run-scenario.mjs */
export const scenario = {
  title: 'Start with 20,000 archives',
  units: { 'cold start': 's', 'warm start': 's', 'memory, cold': 'MB', 'memory, warm': 'MB' },
  comparisons: [
    {
      label: 'cold start: ours / refgenieserver',
      measure: 'cold start',
      over,
      most: MOST_COLD_TIME,
    },
    {
      label: 'warm start: ours / refgenieserver',
      measure: 'warm start',
      over,
      most: MOST_WARM_TIME,
    },
    {
      label: 'most memory, cold start: ours / refgenieserver',
      measure: 'memory, cold',
      over,
      most: MOST_MEMORY,
      stretch: STRETCH_MEMORY,
    },
    {
      label: 'most memory, warm start: ours / refgenieserver',
      measure: 'memory, warm',
      over,
      smallerIsBetter: true,
    },
  ],
  // Nothing runs between the rounds: the servers are what is measured.
  prepare: async () => ({ input: largeCatalogue(GENOMES) }),
  async round({ input }, note, round) {
    for (const side of inTurn(Object.keys(MEASURES), round)) await MEASURES[side](input, note)
  },
}
