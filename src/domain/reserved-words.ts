/**
 * The words that cannot be genome names in native URLs, because they begin fixed paths.
 *
 * One table for everything that must agree on it: the native routes (a genome so named is reached by digest only),
 * the 404 form of unknown paths, and `serve --check`.
 */

/** Which API family a path belongs to: it decides the form of errors. */
export type ApiFamily = 'refgenie' | 'native'

/** First path segments that are taken, with the family whose error form an unknown path below them gets. */
const FIRST_SEGMENTS: ReadonlyMap<string, ApiFamily> = new Map([
  ['v1', 'refgenie'],
  ['v2', 'refgenie'],
  ['v3', 'refgenie'],
  ['_private_api', 'refgenie'],
  ['remotes', 'refgenie'],
  ['index', 'refgenie'],
  ['static', 'refgenie'],
  ['genomes', 'native'],
  ['assets', 'native'],
  ['archives', 'native'],
  ['links', 'native'],
  ['objects', 'native'],
  ['healthz', 'native'],
  ['readyz', 'native'],
  ['service-info', 'native'],
  ['docs', 'native'],
  ['redoc', 'native'],
  ['openapi.json', 'native'],
  ['openapi-admin.json', 'native'],
  ['favicon.ico', 'native'],
  ['robots.txt', 'native'],
  // Taken by later faces; reserved now, so that no genome name stops working when they arrive.
  ['v4', 'native'],
  ['data_channel', 'native'],
  ['ga4gh', 'native'],
  ['sequence', 'native'],
  ['seqcol', 'native'],
  ['reads', 'native'],
  ['variants', 'native'],
  ['dav', 'native'],
  ['metrics', 'native'],
  ['stats', 'native'],
  ['auth', 'native'],
  ['tokens', 'native'],
  ['admin', 'native'],
  ['uploads', 'native'],
  ['releases', 'native'],
  ['manifests', 'native'],
  ['login', 'native'],
  ['logout', 'native'],
])

/** Second segments of the v3 routes at the root: refgenie paths below `/genomes` and `/assets`. */
const V3_WORDS: ReadonlyMap<string, ReadonlySet<string>> = new Map([
  [
    'genomes',
    new Set(['list', 'alias_dict', 'attrs', 'by_asset', 'genome_digest', 'aliases', 'splash']),
  ],
  [
    'assets',
    new Set([
      'list',
      'archive',
      'file_path',
      'default_tag',
      'asset_digest',
      'archive_digest',
      'recipe',
      'log',
      'dir_contents',
      'attrs',
      'splash',
    ]),
  ],
])

/** True when a genome of this name cannot be addressed by name in native URLs. */
export function isReserved(name: string): boolean {
  return FIRST_SEGMENTS.has(name) || V3_WORDS.get('genomes')?.has(name) === true
}

/** The family a URL path belongs to; `path` starts with `/` and carries no query. */
export function familyOf(path: string): ApiFamily {
  const [, first = '', second = ''] = path.replace(/\/{2,}/g, '/').split('/')
  if (first === '' || V3_WORDS.get(first)?.has(second) === true) return 'refgenie'
  return FIRST_SEGMENTS.get(first) ?? 'native'
}
