/** Which client is replayed how, and what is needed of a server for it. */
import { corsChecks, missingCheck, type Page, preflightCheck } from './cors-checks.ts'
import { type Finding, fail } from './finding.ts'
import { FIXES } from './fixes.ts'
import type { Probe } from './probe.ts'
import { redirectChecks } from './redirect-checks.ts'
import { Replay } from './replay.ts'
import {
  NEXTFLOW_HEADERS,
  REQUESTS_HEADERS,
  replayNextflow,
  replayRefgenie,
} from './replay-downloads.ts'
import { replayHtslib, replayIgv, replayJbrowse } from './replay-fasta.ts'
import type { Subjects } from './subjects.ts'

/** Clients that can be replayed. */
export const CLIENTS = ['igv', 'jbrowse', 'htslib', 'nextflow', 'refgenie'] as const

/** One of them. */
export type ClientName = (typeof CLIENTS)[number]

/** What is replayed where. */
export interface ReplayOrder {
  readonly url: string
  readonly probe: Probe
  readonly subjects: Subjects
  readonly origin: string
  readonly credentials: boolean
}

const BROWSER = {
  'user-agent': 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome',
  accept: '*/*',
} as const
const HTSLIB = { 'user-agent': 'htslib/1.16 libcurl/7.88.1', accept: '*/*' } as const

/** The findings of a replay. Throws RemoteFailed only outside the requests of the client. */
export async function replayClient(client: ClientName, order: ReplayOrder): Promise<Finding[]> {
  if (client === 'refgenie') return asRefgenie(order)
  if (client === 'nextflow') return asNextflow(order)
  const { subjects, probe } = order
  const page: Page = { origin: order.origin, token: order.credentials }
  const url = subjects.fasta
  if (url === undefined) {
    const none = fail('fasta-file', 'there is no address of a FASTA file', FIXES.files)
    const other = subjects.file?.url
    // Whether pages could read anything at all is worth telling all the same.
    const more =
      client === 'htslib' || other === undefined ? [] : await corsChecks(other, page, probe)
    return [none, ...more]
  }
  if (client === 'htslib') {
    const replay = new Replay({ probe, headers: HTSLIB })
    await replayHtslib(replay, url)
    return replay.findings
  }
  const replay = new Replay({ probe, headers: BROWSER, origin: order.origin })
  await (client === 'igv' ? replayIgv(replay, url) : replayJbrowse(replay, url))
  return [
    ...replay.findings,
    await preflightCheck(url, page, probe),
    await missingCheck(url, page, probe),
    ...(await redirectChecks(url, page, probe)),
  ]
}

async function asRefgenie({ url, probe, subjects, credentials }: ReplayOrder): Promise<Finding[]> {
  const replay = new Replay({ probe, headers: REQUESTS_HEADERS })
  if (subjects.asset === undefined) {
    const fix = subjects.count === 0 && subjects.file === undefined ? FIXES.empty : FIXES.api
    replay.miss('asset', 'there is no asset to pull', fix)
  } else await replayRefgenie(replay, url, subjects.asset)
  if (credentials) replay.note('token', 'the token was not sent', FIXES.stockToken)
  return replay.findings
}

async function asNextflow({ probe, subjects }: ReplayOrder): Promise<Finding[]> {
  const replay = new Replay({ probe, headers: NEXTFLOW_HEADERS })
  if (subjects.file === undefined) {
    replay.miss('attributes', 'there is no file to stage', FIXES.nothing)
  } else await replayNextflow(replay, subjects.file.url)
  return replay.findings
}
