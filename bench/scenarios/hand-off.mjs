// 1 GiB through nginx, which asks ours and gets the file handed over, beside the same file of the same nginx without anybody behind it.
import { largeArchive } from '../inputs/large-archive.mjs'
import { bodyOf, demandDigest } from '../measure/guard.mjs'
import { inTurn } from '../measure/run-scenario.mjs'
import { HAND_OFF_PREFIX, startNginx } from '../peers/nginx.mjs'
import { offers } from '../peers/refdepot.mjs'
import { download, largeTarget, startLarge } from './large-servers.mjs'

const LEAST_OF_PLAIN = 0.97
// A single one is too short for differences of 3 %.
const DOWNLOADS = 6
const SIDES = ['ours', 'nginx']
const measure = 'rate'

async function prepare(servers) {
  if (!offers('--sendfile')) throw new Error('refdepot serve has no --sendfile')
  const input = largeArchive()
  const flags = ['--sendfile', `x-accel-redirect=${HAND_OFF_PREFIX}`]
  const { ours } = await startLarge(servers, input, ['ours'], { flags, handsOver: true })
  const nginx = await startNginx(
    { folder: input.folder, before: ours.server.port },
    async url => (await bodyOf(url + input.attrsPath)).length > 0,
  )
  servers.push(nginx)
  const targets = {
    ours: largeTarget(nginx, input.archivePath),
    nginx: largeTarget(nginx, `/plain/${input.key}`),
  }
  for (const { job } of Object.values(targets))
    await demandDigest(nginx.url + job.path, input.sha256)
  return { targets }
}

/** @type scenario, see measure/run-scenario.mjs */
export const scenario = {
  title: '1 GiB archive, 1 client, through nginx by x-accel-redirect',
  units: { rate: 'MB/s' },
  comparisons: [
    { label: '1 GiB handed to nginx / plain nginx', measure, over: 'nginx', least: LEAST_OF_PLAIN },
  ],
  prepare,
  async round({ targets }, note, round) {
    for (const side of inTurn(SIDES, round)) {
      const plan = { kind: 'whole', times: DOWNLOADS }
      note(measure, side, (await download(targets[side], { plan })).bytesPerSecond / 1e6)
    }
  },
}
