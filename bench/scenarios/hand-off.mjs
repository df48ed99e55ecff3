// 1 GiB through nginx, which asks ours and gets the file handed over, beside the same file of the same nginx without anybody behind it.
import { largeArchive } from '../inputs/large-archive.mjs'
import { bodyOf, demandDigest } from '../measure/guard.mjs'
import { inTurn } from '../measure/run-scenario.mjs'
import { handOffFlags, startHandOff } from '../peers/nginx-hand-off.mjs'
import { offers } from '../peers/refdepot.mjs'
import { freePort } from '../peers/server-process.mjs'
import { download, largeTarget, startLarge } from './large-servers.mjs'

const LEAST_OF_PLAIN = 0.97
// A single one is too short for differences of 3 %.
const DOWNLOADS = 6
const SIDES = ['ours', 'nginx']
const measure = 'rate'

/** Without this, bytes that ours sends through nginx could pass for a hand-off. */
async function demandHandOff(url) {
  const answer = await fetch(url, { headers: { 'X-Sendfile-Type': 'X-Accel-Redirect' } })
  await answer.body?.cancel()
  if (!answer.headers.has('x-accel-redirect')) throw new Error(`${url} is not handed over`)
}

async function prepare(servers) {
  if (!offers('--sendfile')) throw new Error('refdepot serve has no --sendfile')
  const input = largeArchive()
  const report = await freePort()
  const { ours } = await startLarge(servers, input, ['ours'], { flags: handOffFlags(report) })
  await demandHandOff(ours.server.url + input.archivePath)
  const nginx = await startHandOff(
    { folder: input.folder, before: ours.server.port, report },
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
