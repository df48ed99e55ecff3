// 1 GiB to each of 32 clients at once, all cores for whoever wants them.
import { largeArchive } from '../inputs/large-archive.mjs'
import { inTurn } from '../measure/run-scenario.mjs'
import { median } from '../measure/verdicts.mjs'
import { allCores } from '../peers/refdepot.mjs'
import { download, startLarge } from './large-servers.mjs'

const LEAST_OF_NGINX = 0.45
const MOST_RESIDENT_MB = 250
const LEAST_OF_MEDIAN_CLIENT = 0.5
const CLIENTS = 32
const CLIENT_PROCESSES = 2
const WEIGH_EVERY_MS = 50
const SIDES = ['ours', 'nginx']

/** @type scenario, see measure/run-scenario.mjs */
export const scenario = {
  title: `1 GiB archive, ${CLIENTS} clients, all cores`,
  units: { rate: 'MB/s', resident: 'MB', slowest: '' },
  comparisons: [
    {
      label: `1 GiB, ${CLIENTS} clients: ours / nginx`,
      measure: 'rate',
      over: 'nginx',
      least: LEAST_OF_NGINX,
    },
    {
      label: 'most memory of all server processes, MB',
      measure: 'resident',
      most: MOST_RESIDENT_MB,
    },
    {
      label: 'rate of the slowest client / the median one',
      measure: 'slowest',
      least: LEAST_OF_MEDIAN_CLIENT,
    },
    { label: 'the same, nginx', measure: 'slowest', side: 'nginx' },
  ],
  async prepare(servers) {
    const { flags, notes } = allCores()
    return { targets: await startLarge(servers, largeArchive(), SIDES, { flags }), notes }
  },
  async round({ targets }, note, round) {
    for (const side of inTurn(SIDES, round)) {
      const { server } = targets[side]
      let resident = 0
      const scale = setInterval(() => {
        resident = Math.max(resident, server.residentBytes())
      }, WEIGH_EVERY_MS)
      const spread = { processes: CLIENT_PROCESSES, clients: CLIENTS }
      const plan = { kind: 'whole', times: 1 }
      const got = await download(targets[side], { ...spread, plan }).finally(() =>
        clearInterval(scale),
      )
      const rates = got.clients.map(({ bytes, seconds }) => bytes / seconds)
      note('rate', side, got.bytesPerSecond / 1e6)
      note('resident', side, resident / 1e6)
      note('slowest', side, Math.min(...rates) / median(rates))
    }
  },
}
