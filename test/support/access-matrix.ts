/**
 * Every route of the app with everything that can be asked of it, made from the routes themselves.
 *
 * What is hidden must be answered as what was never there: so each request goes to two servers, one of which does not have it, and the two
 * answers must be the same to the last byte.
 */
import type { FastifyInstance, InjectOptions } from 'fastify'
import {
  type ControlledFolder,
  HUSH,
  OLD_TAG,
  PANEL,
  PANEL_TAG,
  RELEASES,
  RETRACTED_TAG,
  SECRET_TAG,
} from './controlled-folder.ts'
import { T7 } from './genome-fixtures.ts'

/** One request, and what it asks for. */
export interface Case {
  readonly route: string
  readonly request: InjectOptions
  /** True when it names something controlled. */
  readonly hidden: boolean
}

/** Values of one set of placeholders. */
type Names = Readonly<Record<string, string>>

/** What GET routes without placeholders do for those who may see more: answer more, or the same. */
export const LISTS_MORE: ReadonlySet<string> = new Set([
  '/',
  '/index',
  '/v1/',
  '/v1/index',
  '/v1/genomes',
  '/v1/assets',
  '/v2/',
  '/v2/index',
  '/v2/genomes',
  '/v2/assets',
  '/v3/',
  '/v3/index',
  '/v3/genomes/list',
  '/v3/genomes/alias_dict',
  '/v3/assets/list',
  '/genomes/list',
  '/genomes/alias_dict',
  '/assets/list',
  '/_private_api/genomes/dict',
  '/genomes',
  '/assets',
  '/readyz',
  '/releases',
  '/stats',
])

/** Routes that say nothing of any genome; the administration is guarded by rights of its own, and tested for itself. */
const SAYS_NOTHING: ReadonlySet<string> = new Set([
  '/remotes/dict',
  '/v3/remotes/dict',
  '/healthz',
  '/service-info',
  '/openapi.json',
  '/openapi-admin.json',
  '/redoc',
  '/docs',
  '/docs/',
  '/docs/json',
  '/docs/yaml',
  '/docs/static/index.html',
  '/docs/static/swagger-initializer.js',
  '/static/rapidoc-min.js',
  '/login',
  '/logout',
  '/auth/introspect',
  '/admin/tokens',
  '/admin/tokens/:name',
  '/admin/tokens/:name/revoke',
  '/admin/audit',
  '/manifests',
  '/manifests/:id',
  '/uploads',
  '/uploads/:id',
  '/uploads/:id/parts',
  '/uploads/:id/parts/:number',
  '/uploads/:id/complete',
])

// Files of the pages, by path.
const FILES_OF_PAGES = ['/static/*', '/docs/static/*']

/** Requests for a route; throws when nobody has said what to ask of it. */
export function casesFor(method: string, url: string, folder: ControlledFolder): Case[] {
  const route = `${method} ${url}`
  if (FILES_OF_PAGES.includes(url))
    return [{ route, request: { url: url.replace('*', 'x') }, hidden: false }]
  if (url === '/links/:link/:name') {
    return [{ route, request: { url: '/links/no.link/fasta__default.tgz' }, hidden: false }]
  }
  if (method === 'GET' && url.startsWith('/releases/')) return casesOfReleases(route, url)
  if (method !== 'GET') {
    if (!SAYS_NOTHING.has(url)) throw new Error(`no case for ${route}`)
    return [
      {
        route,
        request: { method: method as 'POST', url: url.replace(/:\w+/g, '1') },
        hidden: false,
      },
    ]
  }
  const placeholders = [...url.matchAll(/:(\w+)|\*/g)].map(([all, name]) => name ?? all)
  if (placeholders.length === 0) {
    if (!LISTS_MORE.has(url) && !SAYS_NOTHING.has(url)) throw new Error(`no case for ${route}`)
    return [...new Set([url, ...queriesOf(url)])].map(it => ({
      route,
      request: { url: it },
      hidden: false,
    }))
  }
  if (SAYS_NOTHING.has(url))
    return [{ route, request: { url: url.replace(/:\w+/g, '1') }, hidden: false }]
  if (placeholders[0] === 'digest') {
    const at = (digest: string, hidden: boolean) => ({
      route,
      request: { url: url.replace(':digest', digest) },
      hidden,
    })
    return [
      ...folder.digests.controlled.map(digest => at(digest, true)),
      ...folder.digests.open.map(digest => at(digest, false)),
      at('0'.repeat(64), false),
    ]
  }
  const { hidden, open } = namesFor(placeholders)
  const fill = (names: Names, isHidden: boolean) =>
    filled(url, names, isHidden).map(it => ({ route, ...it }))
  return [
    ...hidden.flatMap(names => fill(names, true)),
    ...open.flatMap(names => fill(names, false)),
  ]
}

/** Releases by name: one that holds nothing but what is hidden was never there. */
function casesOfReleases(route: string, url: string): Case[] {
  const names = [...Object.values(RELEASES), 'nothing']
  const at = (name: string, to: string): Case => ({
    route,
    request: { url: url.replace(':name', name).replace(':to', to) },
    hidden: name === RELEASES.secret || to === RELEASES.secret,
  })
  if (url === '/releases/:name') {
    const asTable = names.map(name => at(`${name}?format=tsv`, ''))
    return [...names.map(name => at(name, '')), ...asTable]
  }
  if (url === '/releases/:name/diff/:to')
    return names.flatMap(name => names.map(to => at(name, to)))
  throw new Error(`no case for ${route}`)
}

function filled(url: string, names: Names, hidden: boolean): Omit<Case, 'route'>[] {
  const path = url.replace(/:(\w+)|\*/g, (all, name) => {
    const value = names[name ?? all]
    if (value === undefined) throw new Error(`no case for the placeholder ${all} of ${url}`)
    return name === undefined ? value : encodeURIComponent(value)
  })
  const inQuery = names.tag !== 'default' && !url.includes(':tag')
  const queries = inQuery ? ['', `?tag=${names.tag}`] : ['']
  return queries.map(query => ({ request: { url: path + query }, hidden }))
}

function queriesOf(url: string): string[] {
  if (url === '/assets')
    return ['?q=panel', '?q=quiet', '?genome=hush', `?asset=${PANEL}`, '?limit=1', '?offset=1'].map(
      it => url + it,
    )
  if (url === '/stats')
    return ['?format=csv', '?genome=hush', `?asset=${PANEL}`, '?limit=1', '?since=2026-01-02'].map(
      it => url + it,
    )
  return /assets\/list$/.test(url) ? [`${url}?includeSeekKeys=true`] : []
}

function namesFor(placeholders: readonly string[]): { hidden: Names[]; open: Names[] } {
  const inT7 = (asset: string, more: Names = {}) =>
    ['t7', T7].map(genome => ({ genome, alias: 't7', asset, tag: 'default', ...more }))
  const ofHush = [HUSH.alias, HUSH.digest].map(genome => ({
    genome,
    alias: HUSH.alias,
    asset: 'fasta',
    tag: 'default',
    seek_key: 'fasta',
    '*': `${HUSH.digest}.fa`,
  }))
  const panel = inT7(PANEL, { tag: PANEL_TAG, seek_key: 'panel', '*': 'panel.bed' })
  const somatic = inT7('fasta', { tag: SECRET_TAG, seek_key: 'fasta', '*': `${T7}.fa` })
  const retracted = inT7('fasta', { tag: RETRACTED_TAG, seek_key: 'fasta', '*': `${T7}.fa` })
  const open = [
    ...inT7('fasta', { tag: OLD_TAG, seek_key: 'fasta', '*': `${T7}.fa` }),
    ...inT7('fasta', { tag: 'latest', seek_key: 'fasta', '*': `${T7}.fa` }),
    ...inT7('fasta', { seek_key: 'fasta', '*': `${T7}.fa` }),
    ...inT7('index', { seek_key: 'index', '*': 'index.bin.gz' }),
    ...inT7('nothing', { seek_key: 'x', '*': 'x' }),
    ...inT7('fasta', { tag: 'nothing', seek_key: 'x', '*': 'nothing.fa' }),
  ]
  // Without an asset among the placeholders only the genome can be hidden; with an asset alone, only its name.
  if (!placeholders.includes('asset')) return { hidden: ofHush, open }
  if (!placeholders.includes('genome')) return { hidden: panel, open }
  return { hidden: [...ofHush, ...panel, ...somatic, ...retracted], open }
}

/** An answer without what differs by nature: times, and links with their signature. */
export interface Seen {
  readonly status: number
  readonly headers: Record<string, unknown>
  readonly body: string
}

/** Sends a request as a caller. */
export async function ask(
  app: FastifyInstance,
  request: InjectOptions,
  token: string | undefined,
  headers: Record<string, string> = {},
): Promise<Seen> {
  const answer = await app.inject({
    ...request,
    headers: { ...headers, ...(token !== undefined && { authorization: `Bearer ${token}` }) },
  })
  const { date: _date, ...rest } = answer.headers
  const body = answer.rawPayload
    .toString('latin1')
    .replace(/"loaded_at":"[^"]*"/, '"loaded_at":""')
    .replace(/\/links\/[\w.-]+/, '/links/x')
    .replace(/"expires_at":"[^"]*"/, '"expires_at":""')
  // What was made of a time has a tag and a length that were made of it too, and its parts are cut elsewhere.
  const timed = answer.statusCode < 400 && /(?:\/url|\/readyz)(?:\?|$)/.test(String(request.url))
  const { etag, 'content-length': length, 'content-range': range, ...others } = rest
  return {
    status: answer.statusCode,
    headers: timed ? others : { ...others, etag, length, range },
    body: timed && range !== undefined ? '' : body,
  }
}
