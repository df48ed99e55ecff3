// An archive of 4 KiB over kept connections; with the access log off on all sides, and on.
import { genomeDigest, largeCatalogue } from '../inputs/large-catalogue.mjs'
import { SERVER_CORE } from '../places.mjs'
import { startCatalogue } from './catalogue-servers.mjs'
import { requestRates } from './request-rate.mjs'

const LEAST_OF_NGINX = 0.4
const LEAST_OF_REFGENIESERVER = 20
const GENOMES = 1000
const SECONDS = 4
const SIDES = ['ours', 'nginx', 'refgenieserver']
const LOGGED = 'rate, access logs on'

const urlsOf = started =>
  Object.fromEntries(
    Object.entries(started).map(([side, { url }]) => [
      side,
      side === 'nginx'
        ? `${url}/${genomeDigest(0)}/fasta__default.tgz`
        : `${url}/v3/assets/archive/${genomeDigest(0)}/fasta`,
    ]),
  )

/** @type scenario, see measure/run-scenario.mjs */
export const scenario = {
  title: '4 KiB archive, kept connections, servers on one core',
  units: { rate: '/s', [LOGGED]: '/s' },
  comparisons: [
    { label: '4 KiB archive: ours / nginx', measure: 'rate', over: 'nginx', least: LEAST_OF_NGINX },
    {
      label: '4 KiB archive: ours / refgenieserver',
      measure: 'rate',
      over: 'refgenieserver',
      least: LEAST_OF_REFGENIESERVER,
    },
    { label: '4 KiB archive, access logs on: ours / nginx', measure: LOGGED, over: 'nginx' },
    {
      label: '4 KiB archive, access logs on: ours / refgenieserver',
      measure: LOGGED,
      over: 'refgenieserver',
    },
  ],
  async prepare(servers) {
    const input = largeCatalogue(GENOMES)
    const core = SERVER_CORE
    const quiet = await startCatalogue(servers, input, SIDES, { core })
    const logging = await startCatalogue(servers, input, SIDES, { core, accessLog: true })
    return { body: input.archive, quiet: urlsOf(quiet), logging: urlsOf(logging) }
  },
  async round({ body, quiet, logging }, note, round) {
    await requestRates({ urls: quiet, body, measure: 'rate', seconds: SECONDS }, note, round)
    await requestRates({ urls: logging, body, measure: LOGGED, seconds: SECONDS }, note, round)
  },
}
