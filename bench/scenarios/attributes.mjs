// Attributes of an asset, beside a bare Fastify route that answers the same text as a constant; with the access log off, and on.
import { genomeDigest, largeCatalogue } from '../inputs/large-catalogue.mjs'
import { bodyOf, demandRight, expectation } from '../measure/guard.mjs'
import { startFastifyConstant } from '../peers/fastify.mjs'
import { SERVER_CORE } from '../places.mjs'
import { startCatalogue } from './catalogue-servers.mjs'
import { requestRates } from './request-rate.mjs'

const LEAST_OF_BARE_ROUTE = 0.8
const GENOMES = 1000
const SECONDS = 4
const SIDES = ['ours', 'refgenieserver']
const LOGGED = 'rate, access logs on'
const PATH = `/v3/assets/attrs/${genomeDigest(0)}/fasta`

const urlsOf = started =>
  Object.fromEntries(Object.entries(started).map(([side, { url }]) => [side, url + PATH]))

async function prepare(servers) {
  const input = largeCatalogue(GENOMES)
  const core = SERVER_CORE
  const quiet = await startCatalogue(servers, input, SIDES, { core })
  // What refgenieserver says is the truth for both others.
  const body = await bodyOf(quiet.refgenieserver.url + PATH)
  quiet['bare route'] = await startFastifyConstant({ body, core }, async url => {
    await demandRight(url + PATH, expectation(body))
    return true
  })
  servers.push(quiet['bare route'])
  const logging = await startCatalogue(servers, input, SIDES, { core, accessLog: true })
  return { body, quiet: urlsOf(quiet), logging: urlsOf(logging) }
}

/** @type scenario, see measure/run-scenario.mjs */
export const scenario = {
  title: 'Attributes of an asset, kept connections, servers on one core',
  units: { rate: '/s', [LOGGED]: '/s' },
  comparisons: [
    {
      label: 'attributes: ours / bare Fastify route',
      measure: 'rate',
      over: 'bare route',
      least: LEAST_OF_BARE_ROUTE,
    },
    { label: 'attributes: ours / refgenieserver', measure: 'rate', over: 'refgenieserver' },
    {
      label: 'attributes, access logs on: ours / refgenieserver',
      measure: LOGGED,
      over: 'refgenieserver',
    },
  ],
  prepare,
  async round({ body, quiet, logging }, note, round) {
    await requestRates({ urls: quiet, body, measure: 'rate', seconds: SECONDS }, note, round)
    await requestRates({ urls: logging, body, measure: LOGGED, seconds: SECONDS }, note, round)
  },
}
