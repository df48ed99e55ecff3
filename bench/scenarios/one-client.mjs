// 1 GiB to one client, from the page cache; server and client share the cores as the kernel likes.
import { largeArchive } from '../inputs/large-archive.mjs'
import { inTurn } from '../measure/run-scenario.mjs'
import { download, startLarge } from './large-servers.mjs'

const LEAST_OF_NGINX = 0.5
const LEAST_OF_REFGENIESERVER = 5
// The first wakes the processor up.
const DOWNLOADS = 2
const SIDES = ['ours', 'nginx', 'refgenieserver', 'fastify-static']
const measure = 'rate'

/** @type scenario, see measure/run-scenario.mjs */
export const scenario = {
  title: '1 GiB archive, 1 client',
  units: { rate: 'MB/s' },
  comparisons: [
    { label: '1 GiB, 1 client: ours / nginx', measure, over: 'nginx', least: LEAST_OF_NGINX },
    {
      label: '1 GiB, 1 client: ours / refgenieserver',
      measure,
      over: 'refgenieserver',
      least: LEAST_OF_REFGENIESERVER,
    },
    { label: '1 GiB, 1 client: ours / @fastify/static', measure, over: 'fastify-static' },
  ],
  prepare: async servers => ({ targets: await startLarge(servers, largeArchive(), SIDES) }),
  async round({ targets }, note, round) {
    for (const side of inTurn(SIDES, round)) {
      const plan = { kind: 'whole', times: DOWNLOADS }
      note(measure, side, (await download(targets[side], { plan })).bytesPerSecond / 1e6)
    }
  },
}
