// 1 GiB from a server 200 ms away that gives each connection 2 MB/s: `refdepot pull --archive` and `aria2c -x8 -s8`, which compares nothing.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { inTurn } from '../measure/run-scenario.mjs'
import { startArchive, timed } from './sides.mjs'

const SIDES = ['ours', 'ours, 8 connections', 'aria2c']
const BITS = 16_000_000
const ROUND_TRIP_MS = 200

/** A wire to a port in a process of its own. */
async function startWire(port) {
  const args = ['bench/capped-wire.mjs', String(port), String(BITS), String(ROUND_TRIP_MS), 'each']
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] })
  const [line] = await once(child.stdout, 'data')
  return { url: `http://127.0.0.1:${Number(line)}`, stop: () => child.kill('SIGKILL') }
}

/** @type scenario, see measure/run-scenario.mjs */
export const scenario = {
  title: '1 GiB, 200 ms round trip, 2 MB/s a connection',
  units: { rate: 'MB/s' },
  comparisons: [
    { label: 'pull (10 connections) / aria2c -x8 -s8', measure: 'rate', over: 'aria2c', least: 1 },
    {
      label: 'pull --jobs 8 / aria2c -x8 -s8',
      measure: 'rate',
      side: 'ours, 8 connections',
      over: 'aria2c',
    },
  ],
  async prepare(servers) {
    const place = await startArchive(servers)
    const wire = await startWire(place.port)
    servers.push(wire)
    return { ...place, url: wire.url }
  },
  async round(place, note, round) {
    for (const side of inTurn(SIDES, round)) note('rate', side, await timed(side, place))
  },
}
