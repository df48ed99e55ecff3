// Ranges of 64 KiB at random places of a file of 256 MiB: out of an archive of ours, and of the same file unpacked, through the same server.
import { statSync } from 'node:fs'
import { memberArchive } from '../inputs/member-archive.mjs'
import { runClients } from '../load/clients.mjs'
import { bodyOf } from '../measure/guard.mjs'
import { inTurn } from '../measure/run-scenario.mjs'
import { checked, freshState, startRefdepot } from '../peers/refdepot.mjs'

const LEAST_OF_UNPACKED = 0.5
const RANGE_BYTES = 64 * 1024
const CLIENTS = 16
const SECONDS = 5
const SIDES = ['ours', 'unpacked']

/** @type scenario, see measure/run-scenario.mjs */
export const scenario = {
  title: 'Ranges of 64 KiB at random places of a file in an archive',
  units: { rate: '/s' },
  comparisons: [
    {
      label: '64 KiB ranges: out of the archive / unpacked',
      measure: 'rate',
      over: 'unpacked',
      least: LEAST_OF_UNPACKED,
    },
  ],
  async prepare(servers) {
    const input = memberArchive()
    const place = { config: input.config, state: freshState('members') }
    const server = await startRefdepot(place, async url => {
      return (await bodyOf(url + input.attrsPath)).length > 0
    })
    servers.push(server)
    await checked(server)
    return { input, server }
  },
  async round({ input, server }, note, round) {
    const paths = { ours: input.packedPath, unpacked: input.unpackedPath }
    for (const side of inTurn(SIDES, round)) {
      const job = {
        port: server.port,
        path: paths[side],
        size: statSync(input.file).size,
        connections: CLIENTS,
        // Both sides of a run get the same ranges, every run others.
        plan: { kind: 'ranges', length: RANGE_BYTES, seconds: SECONDS, seed: round + 1 },
        check: { file: input.file },
      }
      note('rate', side, (await runClients([job])).answersPerSecond)
    }
  },
}
