/** The requests that are put to the peer and to us: every route with sound, unknown and malformed values. */
import { LAMBDA, T7 } from '../genome-fixtures.ts'

/** One request. */
export interface PeerRequest {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'OPTIONS'
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
}

const UNKNOWN = '0'.repeat(48)
const GENOMES = [T7, LAMBDA, UNKNOWN, 't7', 'x'.repeat(49), `${'-'.repeat(47)}.`, T7.toUpperCase()]
const OLD_GENOMES = [T7, 't7', 'lambda', 'nope']
const ASSETS = ['fasta', 'bwa_index', 'nope', 'a%20b', 'fa%2Fsta']
const TAGS = ['', '?tag=default', '?tag=v2', '?tag=nope', '?tag=', '?tag=nope&tag=v2', '?other=1']
const RANGES = [
  'bytes=0-9',
  'BYTES=0-9',
  'bytes=100-',
  'bytes=-50',
  'bytes=0-99999999',
  'bytes=0-9,5-29',
  'bytes=99999999-',
  'bytes=-0',
  'bytes=5-2',
  'bytes=',
  'bytes=abc',
  'lines=0-9',
]

/** Every request, without doubles. */
export function peerRequests(): PeerRequest[] {
  const all = [
    ...['', '/v3'].flatMap(v3Paths),
    ...oldPaths(),
    ...[
      '/v3',
      '/v2',
      '/v1',
      '/nowhere',
      '/v3/nowhere',
      '/v3/genomes/list/',
      '/genomes/list/',
      '/genomes/attrs',
      '/_private_api/genomes/dict',
      '//v3/genomes/list',
      '/v3/assets/archive/x',
    ],
  ].map(path => request(path))
  const archive = `/v3/assets/archive/${T7}/fasta`
  const ranged = RANGES.map(range => request(archive, { range }))
  const log = RANGES.slice(0, 4).map(range => request(`/v3/assets/log/${T7}/fasta`, { range }))
  const methods = [archive, '/v3/genomes/list', '/v2/genomes', '/v1/assets', '/v3/nowhere'].flatMap(
    path => (['HEAD', 'POST', 'OPTIONS'] as const).map(method => ({ method, path, headers: {} })),
  )
  const holes = ['default/../../../x', 'default/../fasta__v2', '..', 'default%00'].map(tag =>
    request(`${archive}?tag=${tag}`),
  )
  return [...all, ...ranged, ...log, ...methods, ...holes]
}

function request(path: string, headers: Record<string, string> = {}): PeerRequest {
  return { method: 'GET', path, headers }
}

function v3Paths(mount: string): string[] {
  const perAsset = [
    'archive',
    'asset_digest',
    'archive_digest',
    'recipe',
    'log',
    'dir_contents',
    'attrs',
  ]
  const combined = perAsset.flatMap(name => [
    ...GENOMES.map(genome => `/assets/${name}/${genome}/fasta`),
    ...ASSETS.map(asset => `/assets/${name}/${T7}/${asset}`),
    ...TAGS.map(tag => `/assets/${name}/${T7}/fasta${tag}`),
  ])
  const http = '?remoteClass=http'
  const paths = [
    ...['/remotes/dict', '/genomes/list', '/genomes/alias_dict'],
    ...GENOMES.flatMap(genome => [`/genomes/attrs/${genome}`, `/genomes/aliases/${genome}`]),
    ...ASSETS.map(asset => `/genomes/by_asset/${asset}`),
    ...['t7', 'lambda', 'nope', T7, 'a%20b'].map(alias => `/genomes/genome_digest/${alias}`),
    ...[
      '',
      '?includeSeekKeys=true',
      '?includeSeekKeys=False',
      '?includeSeekKeys=on',
      '?includeSeekKeys=x',
      '?includeSeekKeys=',
    ].map(query => `/assets/list${query}`),
    ...GENOMES.map(genome => `/assets/default_tag/${genome}/fasta`),
    ...ASSETS.map(asset => `/assets/default_tag/${T7}/${asset}`),
    ...['fasta', 'dir', 'nope', 'fai', 'a%20b'].map(
      key => `/assets/file_path/${T7}/fasta/${key}${http}`,
    ),
    ...[
      `/assets/file_path/${UNKNOWN}/fasta/fasta${http}`,
      `/assets/file_path/${T7}/fasta/fasta${http}&tag=v2`,
      `/assets/file_path/${T7}/fasta/fasta?remoteClass=s3`,
      `/assets/file_path/${T7}/fasta/fasta`,
      `/assets/file_path/t7/a%20b/fasta?tag=`,
    ],
    ...[
      '/',
      '/index',
      `/genomes/splash/${T7}`,
      `/genomes/splash/${UNKNOWN}`,
      `/assets/splash/${T7}/fasta`,
    ],
    ...combined,
  ]
  return [...new Set(paths)].map(path => mount + path)
}

function oldPaths(): string[] {
  const paths: string[] = []
  for (const genome of OLD_GENOMES) {
    for (const asset of ['fasta', 'bwa_index', 'nope']) {
      for (const tag of ['', '?tag=v2', '?tag=']) {
        const at = `/asset/${genome}/${asset}`
        paths.push(`/v2${at}${tag}`, `/v1${at}${tag}`)
        paths.push(`/v1${at}/archive${tag}`)
        for (const below of ['archive', 'log', 'recipe']) paths.push(`/v2${at}/${below}${tag}`)
      }
      paths.push(`/v2/asset/${genome}/${asset}/default_tag`)
      for (const tag of ['default', 'v2', 'nope']) {
        paths.push(`/v2/asset/${genome}/${asset}/${tag}/asset_digest`)
        paths.push(`/v2/asset/${genome}/${asset}/${tag}/archive_digest`)
      }
    }
    paths.push(`/v2/genome/${genome}`, `/v2/genome/${genome}/genome_digest`)
  }
  for (const version of ['/v1', '/v2']) {
    for (const below of ['/', '/index', '/genomes', '/assets', '/genomes/fasta', '/genomes/nope']) {
      paths.push(version + below)
    }
  }
  return [...paths, '/v2/asset/t7/fasta/splash', '/v2/asset/nope/fasta/splash']
}
