/** Every difference to the peer that is meant, each with a reason in docs/compatibility.md. */
import type { SeenAnswer } from './answer.ts'
import type { PeerRequest } from './requests.ts'

/** One meant difference. */
export interface Explanation {
  /** Heading in docs/compatibility.md. */
  readonly id: string
  matches(request: PeerRequest, peer: SeenAnswer, ours: SeenAnswer): boolean
}

const PAGE = /\/(index|splash.*)?(\?.*)?$|^\/v[123]\/$/
const ARCHIVE_HOLE = /\?tag=(default\/|\.\.|default%00)/
const LOCAL_PATH = /^\/genomes\//

// What the peer fails to answer, and the answer it should have given: nothing else counts as explained.
const ANSWERED: readonly (readonly [RegExp, RegExp])[] = [
  [/\/remotes\/dict$/, /^\{\}$/],
  [
    /^\/v1\/asset\/(t7|[0-9a-f]{48})\//,
    /^\{"archive_digest":"[0-9a-f]{32}",.*"path":"\w+".*"seek_keys":\{.*t7/,
  ],
  [/^\/v1\/asset\/lambda\//, /^\{"archive_digest":"[0-9a-f]{32}",.*"path":"\w+".*lambda/],
  [/^\/v2\/genome\/[0-9a-f]{48}\/genome_digest$/, /^"[0-9a-f]{48}"$/],
  [
    /\/file_path\/.*\/fasta\/fasta$/,
    /^(\/[0-9a-f]{48}\/assets\/fasta\/files\/|https:\/\/cdn\.example\.org\/x\/)/,
  ],
]

function isKnownMiss(ours: SeenAnswer): boolean {
  return ours.status === 404 && /^\{"detail":"No such (asset|genome|alias)/.test(ours.body)
}

/** The meant differences; the first one that matches counts. */
export const EXPLANATIONS: readonly Explanation[] = [
  {
    id: 'unknown-assets-do-not-redirect',
    matches: (_request, peer, ours) =>
      peer.status === 307 &&
      ours.status === 404 &&
      ours.body.startsWith('{"detail":"No such asset ('),
  },
  {
    id: 'unknown-native-paths',
    matches: ({ path }, peer, ours) =>
      path === '/nowhere' &&
      peer.status === 404 &&
      ours.status === 404 &&
      ours.type === 'application/problem+json',
  },
  {
    id: 'head-and-cors',
    matches: ({ method }, peer, ours) =>
      peer.status === 405 &&
      ((method === 'HEAD' && [200, 307].includes(ours.status)) ||
        (method === 'OPTIONS' && ours.status === 204)),
  },
  {
    id: 'allow-names-every-method',
    matches: ({ method }, peer, ours) =>
      method === 'POST' &&
      peer.status === 405 &&
      ours.status === 405 &&
      peer.body === ours.body &&
      ours.allow === 'GET, HEAD, OPTIONS',
  },
  {
    id: 'options-everywhere',
    matches: ({ method }, peer, ours) =>
      method === 'OPTIONS' && peer.status === 404 && ours.status === 204,
  },
  {
    id: 'pages-work',
    matches: ({ path, method }, peer, ours) =>
      method === 'GET' &&
      PAGE.test(path) &&
      peer.status === 500 &&
      (ours.status === 200 ? ours.type === 'text/html; charset=utf-8' : isKnownMiss(ours)),
  },
  {
    id: 'failures-answered',
    matches: ({ path }, peer, ours) =>
      peer.status === 500 &&
      (ours.status === 200
        ? ANSWERED.some(([asked, body]) => asked.test(path) && body.test(ours.body))
        : isKnownMiss(ours)),
  },
  {
    id: 'duplicate-slashes',
    matches: ({ path }, peer, ours) =>
      path.startsWith('//') && peer.status === 404 && ours.status === 200,
  },
  {
    id: 'files-ask-the-catalogue',
    matches: ({ path }, peer, ours) =>
      ARCHIVE_HOLE.test(path) && ours.status === 404 && peer.status !== ours.status,
  },
  {
    id: 'file-path-is-a-url',
    matches: ({ path }, peer, ours) =>
      path.includes('/file_path/') &&
      LOCAL_PATH.test(peer.body) &&
      /^\/[0-9a-f]{48}\/assets\//.test(ours.body),
  },
  {
    id: 'malformed-ranges-are-ignored',
    matches: ({ headers }, peer, ours) =>
      headers.range !== undefined && peer.status === 400 && ours.status === 200,
  },
  {
    id: 'range-answers-keep-their-type',
    matches: ({ headers }, peer, ours) =>
      headers.range !== undefined &&
      peer.status === 416 &&
      ours.status === 416 &&
      peer.range === ours.range &&
      peer.body === ours.body,
  },
]
