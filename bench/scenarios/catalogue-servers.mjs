// Servers over a catalogue of small archives.
import { bodyOf } from '../measure/guard.mjs'
import { startNginx } from '../peers/nginx.mjs'
import { checked, freshState, startRefdepot } from '../peers/refdepot.mjs'
import { startRefgenieserver } from '../peers/refgenieserver.mjs'

/** Whether the asset that comes last in the config is described as it must be. */
export const knowsLast =
  ({ lastPath, archiveDigest, lastAssetDigest }) =>
  async url => {
    const attributes = JSON.parse(await bodyOf(url + lastPath))
    return (
      attributes.archive_digest === archiveDigest && attributes.asset_digest === lastAssetDigest
    )
  }

const STARTS = {
  async ours(input, options) {
    const place = { ...options, config: input.config, state: freshState('catalogue') }
    return checked(await startRefdepot(place, knowsLast(input)))
  },
  nginx: ({ folder }, options) =>
    startNginx({ folder, ...options }, async url => {
      return (await bodyOf(`${url}/genome_config.yaml`)).length > 0
    }),
  refgenieserver: (input, options) =>
    startRefgenieserver({ ...options, ...input }, knowsLast(input)),
}

/** Starts sides over a catalogue; answers side → server. */
export async function startCatalogue(servers, input, sides, options) {
  const started = {}
  for (const side of sides) {
    started[side] = await STARTS[side](input, options)
    servers.push(started[side])
  }
  return started
}
