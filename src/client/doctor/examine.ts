/** Examines a server from outside: the way to it, what serves there, what it may let us see, and how it delivers. */
import { RemoteFailed } from '../../domain/transfer-errors.ts'
import type { Network } from '../../transfer/network.ts'
import { accessCheck } from './access-checks.ts'
import { connectionChecks, connectionFault } from './connection-checks.ts'
import { corsChecks, type Page } from './cors-checks.ts'
import { deliveryChecks } from './delivery-checks.ts'
import { type Finding, fail, ok } from './finding.ts'
import { FIXES } from './fixes.ts'
import { Probe } from './probe.ts'
import { rangeChecks } from './range-checks.ts'
import { redirectChecks } from './redirect-checks.ts'
import { type ClientName, replayClient } from './replay-client.ts'
import { type ServerKind, serverKind } from './server-kind.ts'
import { type Subjects, subjectsOf } from './subjects.ts'

/** What is examined, and how. */
export interface ExaminationOrder {
  /** A server, or one file. */
  readonly url: string
  readonly network: Network
  /** True when the network has credentials for this address. */
  readonly credentials: boolean
  readonly caFiles: readonly string[]
  readonly env: NodeJS.ProcessEnv
  /** Where the page comes from that a browser would run. */
  readonly origin: string
  /** The client whose requests are made; without it everything is looked at. */
  readonly as?: ClientName
}

/** What was found. */
export interface Examination {
  readonly server: ServerKind | undefined
  readonly findings: readonly Finding[]
}

/** Examines. What fails is a finding, not an error. */
export async function examine(order: ExaminationOrder): Promise<Examination> {
  const address = new URL(order.url)
  // The stock client has no place for a token.
  const probe = new Probe(order.network, order.as !== 'refgenie')
  const { env, caFiles } = order
  const { findings, answer } = await connectionChecks({ address, probe, env, caFiles })
  if (answer === undefined) return { server: undefined, findings }
  const url = address.search === '' ? order.url.replace(/\/+$/, '') : order.url
  let server: ServerKind | undefined
  try {
    server = await serverKind(url, probe)
    findings.push(ok('software', server.shown))
    const subjects = await subjectsOf(url, server, probe)
    const credentials = order.credentials && order.as !== 'refgenie'
    findings.push(await accessCheck(url, { kind: server, subjects, probe, credentials }))
    const parts = { ...order, url, probe, server, subjects }
    const work = order.as === undefined ? wholeExamination(parts) : replayClient(order.as, parts)
    findings.push(...(await work))
  } catch (error) {
    if (!(error instanceof RemoteFailed)) throw error
    findings.push(connectionFault('answers', url, error))
  }
  return { server, findings }
}

/** What is looked at when no client is named. */
async function wholeExamination(
  parts: ExaminationOrder & { readonly probe: Probe; readonly subjects: Subjects },
): Promise<Finding[]> {
  const { probe, subjects } = parts
  const { file } = subjects
  if (file === undefined) {
    const evidence = 'there is no archive and no file to look at'
    return [fail('download', evidence, subjects.count === 0 ? FIXES.nothing : FIXES.api)]
  }
  const page: Page = { origin: parts.origin, token: parts.credentials }
  const redirects = await redirectChecks(file.url, page, probe)
  // Nothing can be asked where nobody would follow.
  if (redirects[0]?.level === 'fail') return redirects
  const { findings, whole } = await deliveryChecks(file, probe)
  if (whole === undefined) return [...redirects, ...findings]
  return [
    ...redirects,
    ...findings,
    ...(await rangeChecks(file.url, whole, probe)),
    ...(await corsChecks(file.url, page, probe)),
  ]
}
