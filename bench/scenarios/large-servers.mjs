// Servers over the archive of 1 GiB, each shown to answer all of it rightly before anything is timed.
import { LARGE_BYTES } from '../inputs/large-archive.mjs'
import { runClients } from '../load/clients.mjs'
import { bodyOf, demandDigest } from '../measure/guard.mjs'
import { startFastifyStatic } from '../peers/fastify.mjs'
import { startNginx } from '../peers/nginx.mjs'
import { checked, freshState, startRefdepot } from '../peers/refdepot.mjs'
import { startRefgenieserver } from '../peers/refgenieserver.mjs'

const describes = input => async url =>
  JSON.parse(await bodyOf(url + input.attrsPath)).archive_digest === input.md5
const answers = path => async url => (await bodyOf(url + path)).length > 0

const STARTS = {
  async ours(input, { flags }) {
    const place = { config: input.config, state: freshState('large'), flags }
    return checked(await startRefdepot(place, describes(input)))
  },
  nginx: input => startNginx(input, answers('/genome_config.yaml')),
  refgenieserver: input => startRefgenieserver(input, describes(input)),
  'fastify-static': input => startFastifyStatic(input, answers('/genome_config.yaml')),
}

/** Starts sides; answers side → what clients need to download the archive from it. */
export async function startLarge(servers, input, sides, options = {}) {
  const targets = {}
  for (const side of sides) {
    const server = await STARTS[side](input, options)
    servers.push(server)
    const isApi = side === 'ours' || side === 'refgenieserver'
    targets[side] = largeTarget(server, isApi ? input.archivePath : `/${input.key}`)
    await demandDigest(server.url + targets[side].job.path, input.sha256)
  }
  return targets
}

/** What clients need to download the archive from a path. */
export const largeTarget = (server, path) => ({
  server,
  job: { port: server.port, path, size: LARGE_BYTES, check: { stamps: true } },
})

/** Downloads by so many clients, spread over processes. */
export const download = ({ job }, { processes = 1, clients = 1, plan }) =>
  runClients(
    Array.from({ length: processes }, (_, i) => ({
      ...job,
      connections: clients / processes,
      plan: { ...plan, seed: i + 1 },
    })),
  )
