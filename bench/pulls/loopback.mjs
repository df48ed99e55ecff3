// 1 GiB over loopback: `refdepot pull --archive`, which compares the whole digest, and `curl -o f && sha256sum f`.
import { inTurn } from '../measure/run-scenario.mjs'
import { startArchive, timed } from './sides.mjs'

const SIDES = ['ours', 'curl && sha256sum']

/** @type scenario, see measure/run-scenario.mjs */
export const scenario = {
  title: '1 GiB over loopback, whole commands',
  units: { rate: 'MB/s' },
  comparisons: [
    { label: 'pull / (curl && sha256sum)', measure: 'rate', over: 'curl && sha256sum', least: 1 },
  ],
  prepare: startArchive,
  async round(place, note, round) {
    for (const side of inTurn(SIDES, round)) note('rate', side, await timed(side, place))
  },
}
