// How long /healthz takes while 64 clients read large ranges; beside a small file of nginx while 64 clients read the same ranges from it.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { LARGE_BYTES, largeArchive } from '../inputs/large-archive.mjs'
import { runClients } from '../load/clients.mjs'
import { bodyOf } from '../measure/guard.mjs'
import { inTurn } from '../measure/run-scenario.mjs'
import { p99 } from '../measure/verdicts.mjs'
import { allCores } from '../peers/refdepot.mjs'
import { startLarge } from './large-servers.mjs'

const MOST_OF_NGINX = 1
const CLIENTS = 64
const CLIENT_PROCESSES = 2
const RANGE_BYTES = 16 * 1024 ** 2
const SECONDS = 10
// The probe asks only while all clients read.
const LEAD_SECONDS = 1
const ASK_EVERY_MS = 5
const PATH = '/healthz'
const SIDES = ['ours', 'nginx']

async function underLoad({ job }, body, seed) {
  const readers = Array.from({ length: CLIENT_PROCESSES }, (_, i) => ({
    ...job,
    connections: CLIENTS / CLIENT_PROCESSES,
    plan: { kind: 'ranges', length: RANGE_BYTES, seconds: SECONDS, seed: seed * 10 + i },
  }))
  const probe = {
    port: job.port,
    path: PATH,
    size: body.length,
    connections: 1,
    plan: {
      kind: 'paced',
      everyMs: ASK_EVERY_MS,
      seconds: SECONDS - 2 * LEAD_SECONDS,
      delaySeconds: LEAD_SECONDS,
    },
    check: { base64: body.toString('base64') },
  }
  const { clients, latencies, seconds } = await runClients([...readers, probe])
  const bytes = clients.slice(0, CLIENTS).reduce((sum, client) => sum + client.bytes, 0)
  return { latencies, rate: bytes / seconds }
}

/** @type scenario, see measure/run-scenario.mjs */
export const scenario = {
  title: `${PATH} while ${CLIENTS} clients read ranges of 16 MiB, all cores`,
  units: { p99: 'ms', rate: 'MB/s' },
  comparisons: [
    { label: `p99 of ${PATH}: ours / nginx`, measure: 'p99', over: 'nginx', most: MOST_OF_NGINX },
    { label: `${CLIENTS} clients meanwhile: ours / nginx`, measure: 'rate', over: 'nginx' },
  ],
  async prepare(servers) {
    const input = largeArchive()
    if (RANGE_BYTES > LARGE_BYTES) throw new Error('the archive is smaller than a range')
    const { flags, notes } = allCores()
    const targets = await startLarge(servers, input, SIDES, { flags })
    const body = await bodyOf(targets.ours.server.url + PATH)
    // nginx sends a file of the same bytes.
    writeFileSync(join(input.folder, PATH), body)
    return { targets, body, notes }
  },
  async round({ targets, body }, note, round) {
    for (const side of inTurn(SIDES, round)) {
      const { latencies, rate } = await underLoad(targets[side], body, round + 1)
      note('p99', side, p99(latencies))
      note('rate', side, rate / 1e6)
    }
  },
}
