// The list of all assets of 1,000 genomes with 20 tags each.
import { largeCatalogue } from '../inputs/large-catalogue.mjs'
import { bodyOf } from '../measure/guard.mjs'
import { SERVER_CORE } from '../places.mjs'
import { startCatalogue } from './catalogue-servers.mjs'
import { requestRates } from './request-rate.mjs'

const LEAST_OF_REFGENIESERVER = 500
const GENOMES = 1000
// The peer answers some tens a second.
const SECONDS = 6
const SIDES = ['ours', 'refgenieserver']
const PATH = '/v3/assets/list'

/** @type scenario, see measure/run-scenario.mjs */
export const scenario = {
  title: 'List of the assets of 1,000 genomes x 20 tags, servers on one core',
  units: { rate: '/s' },
  comparisons: [
    {
      label: 'list of assets: ours / refgenieserver',
      measure: 'rate',
      over: 'refgenieserver',
      least: LEAST_OF_REFGENIESERVER,
    },
  ],
  async prepare(servers) {
    const core = SERVER_CORE
    const started = await startCatalogue(servers, largeCatalogue(GENOMES), SIDES, { core })
    // What refgenieserver says is the truth.
    const body = await bodyOf(started.refgenieserver.url + PATH)
    const urls = Object.fromEntries(SIDES.map(side => [side, started[side].url + PATH]))
    return { body, urls }
  },
  round: ({ body, urls }, note, round) =>
    requestRates({ urls, body, measure: 'rate', seconds: SECONDS }, note, round),
}
