/** What clients do that fetch whole files: the stock refgenie client and Nextflow. */
import { gunzipSync, inflateSync } from 'node:zlib'
import { FIXES, type Fix } from './fixes.ts'
import type { Seen } from './probe.ts'
import type { Replay } from './replay.ts'
import { type NamedRoutes, routesIn, routeUrl } from './server-kind.ts'
import type { SubjectAsset } from './subjects.ts'

const MOST_DOCUMENT = 8 * 1024 * 1024
// What urllib and requests send, in the versions that refgenie 0.13 was recorded with.
const URLLIB = { 'user-agent': 'Python-urllib/3.11', 'accept-encoding': 'identity' }

/** Headers of the Python package requests, which refgenie asks everything with but archives. */
export const REQUESTS_HEADERS = {
  'user-agent': 'python-requests/2.34.2',
  'accept-encoding': 'gzip, deflate',
  accept: '*/*',
} as const

/** `refgenie pull GENOME/ASSET` of refgenie 0.13: it looks each route up anew. */
export async function replayRefgenie(
  replay: Replay,
  server: string,
  { genome, digest, asset, tag }: SubjectAsset,
): Promise<void> {
  const names = { alias: genome, genome: digest, asset }
  let routes = await routesStep(replay, server, 2)
  const named = (name: string, again: NamedRoutes | undefined, query = '') =>
    again && routeStep(replay, server, again, { name, parameters: names, query })
  // A genome without an alias is asked for by its digest: no look-up then.
  if (genome !== digest) {
    if ((await named('v3custom_Id_alias_digest', routes)) === undefined) return
    routes = await routesStep(replay, server, 1)
  }
  if ((await named('v3custom_Id_default_tag', routes)) === undefined) return
  routes = await routesStep(replay, server, 3)
  const query = `?tag=${encodeURIComponent(tag)}`
  if ((await named('v3custom_Id_asset_attrs', routes, query)) === undefined) return
  if ((await named('v3custom_Id_genome_attrs', routes)) === undefined) return
  const archive = routes && routeUrl(server, routes, 'v3custom_Id_archive', names)
  if (archive === undefined) return
  const download = { url: archive + query, order: { headers: archiveHeaders() }, wrong: noArchive }
  // The first one is dropped after its head: the client looks for the size.
  const size = await replay.step({ ...download, check: 'archive-size', done: 'has a length' })
  if (size !== undefined) {
    await replay.step({ ...download, check: 'archive', done: `${genome}/${asset}:${tag} is gzip` })
  }
}

/** Staging of a remote file by Nextflow (nf-httpfs). */
export async function replayNextflow(replay: Replay, url: string): Promise<void> {
  const wrong = (seen: Seen) => noStagedFile(seen)
  const attributes = { check: 'attributes', url, done: 'has a length and a date', wrong }
  if ((await replay.step(attributes)) === undefined) return
  await replay.step({ check: 'stage', url, done: 'is the file itself', wrong })
}

/** Headers that Nextflow sends; Java asks for pages first. */
export const NEXTFLOW_HEADERS = {
  'user-agent': 'Nextflow/httpfs',
  accept: 'text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2',
} as const

/** urllib sends no Accept; an empty one would be something else. */
function archiveHeaders(): Record<string, string> {
  return { ...URLLIB, accept: '*/*' }
}

async function routesStep(
  replay: Replay,
  server: string,
  times: number,
): Promise<NamedRoutes | undefined> {
  let routes: NamedRoutes | undefined
  for (let time = 0; time < times; time += 1) {
    const seen = await replay.step({
      check: 'routes',
      url: `${server}/openapi.json`,
      order: { most: MOST_DOCUMENT },
      done: 'the routes are found by their names',
      wrong: answer =>
        routesIn(plain(answer)).size === 0
          ? ['/openapi.json names no route of refgenie', FIXES.api]
          : undefined,
    })
    if (seen === undefined) return undefined
    routes = routesIn(plain(seen))
  }
  return routes
}

interface RouteQuestion {
  readonly name: string
  readonly parameters: Readonly<Record<string, string>>
  readonly query: string
}

async function routeStep(
  replay: Replay,
  server: string,
  routes: NamedRoutes,
  { name, parameters, query }: RouteQuestion,
): Promise<Seen | undefined> {
  const check = name.replace('v3custom_Id_', '').replaceAll('_', '-')
  const url = routeUrl(server, routes, name, parameters)
  if (url !== undefined) return replay.step({ check, url: url + query, done: 'answered' })
  replay.miss(check, `no route is named ${name}`, FIXES.api)
  return undefined
}

/** The content of an answer that may be compressed. */
function plain({ bytes, headers }: Seen): Buffer {
  const coding = headers['content-encoding']
  try {
    if (coding === 'gzip') return gunzipSync(bytes)
    return coding === 'deflate' ? inflateSync(bytes) : bytes
  } catch {
    return Buffer.alloc(0)
  }
}

/** The client takes the length as a number without looking whether it is there, and unpacks as gzip. */
function noArchive({ headers, bytes }: Seen): readonly [string, Fix] | undefined {
  if (headers['content-length'] === undefined) return ['no Content-Length', FIXES.length]
  const coding = headers['content-encoding']
  if (coding !== undefined) return [`Content-Encoding: ${coding}`, FIXES.encoding]
  const begin = bytes.toString('hex', 0, 2)
  return begin === '1f8b' ? undefined : [`begins with ${begin}, not gzip`, FIXES.notGzip]
}

/** Nextflow reads the date in one form only, and tells a short file by its length alone. */
function noStagedFile({ headers }: Seen): readonly [string, Fix] | undefined {
  const { 'content-length': length, 'content-encoding': coding, 'last-modified': date } = headers
  if (coding !== undefined) return [`Content-Encoding: ${coding}`, FIXES.encoding]
  if (length === undefined) return ['no Content-Length', FIXES.length]
  const readableDate = date === undefined || /^\w{3}, \d\d \w{3} \d{4} [\d:]{8} GMT$/.test(date)
  return readableDate ? undefined : [`Last-Modified is ${date}`, FIXES.date]
}
