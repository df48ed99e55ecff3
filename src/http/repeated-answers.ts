/**
 * Answers that are given again as they were, without the way through the framework.
 *
 * A route may say of an answer that it is made of a view of the catalogue and of the URL alone (`repeat`). Such an answer, with the head that it
 * was sent with, is kept for its URL. The next caller gets it when the view of everybody is still the one that it was made for, and when the
 * request carries nothing that could change anything: headers are looked at one by one, and only those that are known to be of no account let it
 * pass. Credentials, conditions, ranges, headers of proxies and whatever is unknown take the general way, and so does everything while budgets
 * are set, requests are logged, or the server stops.
 *
 * So nobody gets to see what was not made for everybody; what is hidden or missing is never kept. Downloads are counted as on the general way.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Depot, Generation } from '../archive/depot.ts'
import { OldestOut } from '../domain/oldest-out.ts'
import { NO_RIGHTS } from '../domain/rights.ts'
import type { Blob } from '../storage/blob.ts'
import type { ByteRange } from '../storage/store.ts'
import type { AccessControl } from './access/access-control.ts'
import { ANONYMOUS, callerOf } from './access/caller.ts'
import { countWhole } from './access/transfer.ts'
import { type BlobSubject, subjectOf } from './access/visible-folder.ts'
import type { VisibleGeneration } from './access/visible-generation.ts'
import { hasCodings } from './content-codings.ts'
import { tellsRequests } from './request-log.ts'

/** How long an answer stays the same. */
export interface Repeatable {
  /** What it was made of. */
  readonly view: VisibleGeneration
  /** By `performance.now()`. */
  readonly until: number
}

/** An answer on its way to its first caller. */
interface Offered extends Repeatable {
  /** Bytes of the body, each as one character: so it goes out in one piece with its head. */
  readonly body: string
  readonly whole: ByteRange
  readonly subject: BlobSubject | undefined
}

interface Kept extends Offered {
  /** Names and values in turn. */
  readonly head: string[]
}

// Of larger ones the way through the framework is the smaller part.
const LARGEST = 16 * 1024
const BUDGET = 16 * 1024 * 1024
// What an answer takes beside its bytes: its head, its URL, its place in the map.
const OVERHEAD = 2048
const LONGEST_URL = 512

// What clients send along that no answer which is kept depends on.
const OF_NO_ACCOUNT: ReadonlySet<string> = new Set([
  'accept',
  'accept-encoding',
  'accept-language',
  'cache-control',
  'connection',
  'dnt',
  'host',
  'keep-alive',
  'pragma',
  'priority',
  'referer',
  'sec-fetch-dest',
  'sec-fetch-mode',
  'sec-fetch-site',
  'sec-fetch-user',
  'upgrade-insecure-requests',
  'user-agent',
])

const offers = new WeakMap<FastifyRequest, Offered>()

/** Says of the whole answer that a request is about to get that it may be given again. */
export function offerRepeat(
  request: FastifyRequest,
  blob: Blob,
  { view, until }: Repeatable,
  bytes: Buffer,
): void {
  const subject = subjectOf(blob)
  if (request.method !== 'GET' || bytes.length > LARGEST || hasCodings(blob)) return
  if (callerOf(request) !== ANONYMOUS || subject?.controlled === true) return
  const whole = { start: 0, end: bytes.length }
  offers.set(request, { view, until, body: bytes.toString('latin1'), whole, subject })
}

/** Keeps answers of an app that may be given again, and gives them; before its routes are registered. */
export function repeatAnswers(app: FastifyInstance, depot: Depot, access: AccessControl): void {
  // Where everybody is sent to the store, or asks for a budget, each request is a decision of its own.
  if (access.redirects !== undefined || access.limits.isUnlimited !== true) return
  const answers = new RepeatedAnswers(depot, access)
  let stopping = false
  app.addHook('preClose', done => {
    stopping = true
    done()
  })
  app.addHook('onResponse', (request, reply, done) => {
    const offered = offers.get(request)
    if (offered !== undefined) answers.keep(request, reply, offered)
    done()
  })
  const general = app.server.listeners('request') as ((...both: RequestParts) => void)[]
  app.server.removeAllListeners('request')
  app.server.on('request', (...both) => {
    const [request, response] = both
    if (!stopping && !tellsRequests(app.log) && answers.give(request, response)) return
    for (const listener of general) listener.apply(app.server, both)
  })
}

type RequestParts = [IncomingMessage, ServerResponse]

/** The answers, by URL; see the head of this file. */
class RepeatedAnswers {
  readonly #depot: Depot
  readonly #access: AccessControl
  readonly #kept = new OldestOut<Kept>(BUDGET)
  #generation: Generation | undefined
  #everybody: VisibleGeneration | undefined

  constructor(depot: Depot, access: AccessControl) {
    this.#depot = depot
    this.#access = access
  }

  /** Keeps an answer that was sent. */
  keep({ originalUrl }: FastifyRequest, reply: FastifyReply, offered: Offered): void {
    const { raw, statusCode } = reply
    const headers = Object.entries(reply.getHeaders())
    // What was broken off, and what says something about its connection, is for one caller.
    const passing = !raw.writableFinished || headers.some(([name]) => name === 'connection')
    if (passing || statusCode !== 200 || originalUrl.length > LONGEST_URL) return
    this.#look()
    if (offered.view !== this.#everybody) return
    const head = headers.flatMap(([name, value]) => [name, String(value)])
    this.#kept.keep(originalUrl, { ...offered, head }, offered.body.length + OVERHEAD)
  }

  /** Answers a request, if its answer is here; false when it must go the general way. */
  give(request: IncomingMessage, response: ServerResponse): boolean {
    this.#look()
    const url = request.url as string
    const kept = this.#kept.get(url)
    // An answer behind another one on its connection must hear of its end: `closeQueuedAnswers`.
    if (kept === undefined || request.method !== 'GET' || response.socket === null) return false
    if (performance.now() >= kept.until) {
      this.#kept.drop(url)
      return false
    }
    const agent = plainAgent(request)
    if (agent === undefined) return false
    const { subject, whole } = kept
    if (subject === undefined) {
      send(response, kept)
      return true
    }
    const { socket } = request
    const client = { socket, asker: socket.remoteAddress ?? '', agent, direct: true }
    const part = { subject, whole }
    countWhole(client, response, this.#access.counts, part, () => send(response, kept))
    return true
  }

  /** Forgets everything when another catalogue is served. */
  #look(): void {
    const { current } = this.#depot
    if (current === this.#generation) return
    this.#generation = current
    this.#everybody = this.#access.view(current, NO_RIGHTS)
    this.#kept.clear()
  }
}

/** The program of a client whose request carries nothing of account; undefined for all others. */
function plainAgent({ rawHeaders }: IncomingMessage): string | undefined {
  let agent: string | undefined
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = (rawHeaders[at] as string).toLowerCase()
    if (!OF_NO_ACCOUNT.has(name)) return undefined
    // Of several the first one counts, as node:http has it.
    if (name === 'user-agent') agent ??= rawHeaders[at + 1]
  }
  return agent ?? ''
}

function send(response: ServerResponse, { head, body }: Kept): void {
  response.writeHead(200, head)
  response.end(body, 'latin1')
}
