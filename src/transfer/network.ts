/**
 * Requests to servers: proxies of the environment, private certificate authorities, time limits, redirects, credentials.
 *
 * Credentials belong to an origin and go nowhere else: a redirect to another origin (the store behind a server) is followed without them.
 * No message tells a query, since signatures in there are rights.
 */
import { readFileSync } from 'node:fs'
import type { Readable } from 'node:stream'
import { rootCertificates } from 'node:tls'
import { Agent, type Dispatcher, EnvHttpProxyAgent, request } from 'undici'
import { PullRefused, RemoteFailed, type RemoteFault } from '../domain/transfer-errors.ts'
import type { Credentials } from './credentials.ts'
import { failureOf } from './network-failure.ts'
import { pauseBefore } from './pauses.ts'
import { retryAfterOf } from './retry-after.ts'

/** How a network is reached. */
export interface NetworkOptions {
  readonly credentials?: Credentials
  /** Files with certificates (PEM) that count beside those of the system. */
  readonly caFiles?: readonly string[]
  /** Attempts after the first one. Default 8. */
  readonly retries?: number
  /** First pause before another attempt in milliseconds; it doubles up to 30 s. Default 500. */
  readonly pauseMs?: number
  /** Milliseconds for a connection. Default 20,000. */
  readonly connectMs?: number
  /** Milliseconds until an answer begins. Default 60,000. */
  readonly answerMs?: number
  /** A download slower than this is begun anew. Default 1 KiB/s over 30 s. */
  readonly stall?: { readonly bytesPerSecond: number; readonly seconds: number }
  readonly userAgent?: string
}

/** A request. */
export interface NetworkRequest {
  readonly method?: 'GET' | 'HEAD' | 'POST' | 'OPTIONS' | 'PUT'
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Buffer
  readonly signal?: AbortSignal
  /** False: a redirect is answered as it is. */
  readonly follow?: boolean
  /** False: no credentials are sent. */
  readonly authorized?: boolean
}

/** An answer; whoever gets it reads or destroys the body. */
export interface NetworkAnswer {
  readonly status: number
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: Readable
  /** Where it came from, behind redirects. */
  readonly url: string
}

const MOST_REDIRECTS = 5
// Somebody waits for the answer: after some seconds it is time to say that there is none.
const MOST_RETRIES = 4
// A catalogue of 20,000 archives has 10 MB; an index of a million files 300 MB.
const MOST_TEXT = 512 * 1024 * 1024

/** See the head of this file. */
export class Network {
  readonly retries: number
  readonly pauseMs: number
  readonly stall: { readonly bytesPerSecond: number; readonly seconds: number }
  readonly #credentials: Credentials | undefined
  readonly #dispatcher: Dispatcher
  readonly #userAgent: string

  /** @throws PullRefused when a file of certificates cannot be read */
  constructor(options: NetworkOptions = {}) {
    this.retries = options.retries ?? 8
    this.pauseMs = options.pauseMs ?? 500
    this.stall = options.stall ?? { bytesPerSecond: 1024, seconds: 30 }
    this.#credentials = options.credentials
    this.#userAgent = options.userAgent ?? 'refdepot'
    this.#dispatcher = dispatcherOf(options)
  }

  /**
   * The answer to a request, whatever its status.
   *
   * @throws RemoteFailed when there is none
   */
  async request(url: string, order: NetworkRequest = {}): Promise<NetworkAnswer> {
    const { follow = true } = order
    let at = url
    for (let redirects = 0; redirects <= MOST_REDIRECTS; redirects += 1) {
      const answer = await this.#once(at, order)
      const { location } = answer.headers
      if (!follow || !isRedirect(answer.status) || location === undefined) return answer
      await discard(answer.body)
      at = redirectTarget(at, location)
    }
    throw new RemoteFailed('answer', `${shown(url)} redirects more than ${MOST_REDIRECTS} times`)
  }

  /**
   * A whole small answer; asked for again after failures that may pass.
   *
   * @throws RemoteFailed, also for every status but 2xx
   */
  async bytes(url: string, order: NetworkRequest = {}, most = MOST_TEXT): Promise<Buffer> {
    return this.again(async () => {
      const answer = await this.request(url, order)
      if (answer.status >= 200 && answer.status < 300) return contentOf(answer, most, order.signal)
      throw await refusalOf(answer)
    }, order.signal)
  }

  /** A whole answer as JSON. Throws RemoteFailed, also for what is no JSON. */
  async json<T>(url: string, order: NetworkRequest = {}): Promise<T> {
    const headers = { accept: 'application/json', ...order.headers }
    const content = await this.bytes(url, { ...order, headers })
    try {
      return JSON.parse(content.toString('utf8')) as T
    } catch {
      const begin = JSON.stringify(content.subarray(0, 60).toString('utf8'))
      throw new RemoteFailed('answer', `${shown(url)} answers what is no JSON: ${begin}`)
    }
  }

  /** Work that is done again after a pause while what failed may pass. */
  async again<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    for (let attempt = 0; attempt < Math.min(this.retries, MOST_RETRIES); attempt += 1) {
      try {
        return await work()
      } catch (error) {
        if (!mayPass(error)) throw error
        await pauseBefore(attempt, this.pauseMs, error, signal)
      }
    }
    return work()
  }

  /** Closes what is kept open. */
  async close(): Promise<void> {
    await this.#dispatcher.destroy()
  }

  async #once(url: string, order: NetworkRequest): Promise<NetworkAnswer> {
    const own = order.authorized === false ? undefined : this.#credentials?.headerFor(url)
    try {
      const answer = await request(url, {
        dispatcher: this.#dispatcher,
        method: order.method ?? 'GET',
        headers: {
          'accept-encoding': 'identity',
          'user-agent': this.#userAgent,
          ...order.headers,
          ...(own !== undefined && { authorization: own }),
        },
        ...(order.body !== undefined && { body: order.body }),
        ...(order.signal !== undefined && { signal: order.signal }),
      })
      const { statusCode: status, body } = answer
      return { status, headers: flat(answer.headers), body, url }
    } catch (error) {
      if (order.signal?.aborted === true) throw order.signal.reason
      throw failureOf(shown(url), error)
    }
  }
}

/** An address without what may be a right: user, password, query. */
export function shown(url: string): string {
  return url.replace(/^([a-z]+:\/\/)[^/@]*@/i, '$1').replace(/[?#].*$/s, '')
}

/** What an answer that is no success says. The body is read. */
export async function refusalOf(answer: NetworkAnswer): Promise<RemoteFailed> {
  const { status, headers, url } = answer
  const text = await contentOf(answer, 64 * 1024).then(String, () => '')
  const message = `${shown(url)} answers ${status}${detailIn(text)}`
  const retryAfterMs = retryAfterOf(headers['retry-after'])
  const more = { status, ...(retryAfterMs !== undefined && { retryAfterMs }) }
  return new RemoteFailed(faultOf(status), message, more)
}

/** True when another attempt may have another end. */
export function mayPass(error: unknown): error is RemoteFailed {
  if (!(error instanceof RemoteFailed)) return false
  return !['dns', 'denied', 'not-found', 'gone', 'tls', 'proxy', 'answer'].includes(error.fault)
}

/** Throws away the rest of an answer, so that its connection is free again or closed. */
export async function discard(body: Readable): Promise<void> {
  body.on('error', () => {})
  await (body as Readable & { dump?: (o: object) => Promise<void> }).dump?.({ limit: 64 * 1024 })
  body.destroy()
}

function faultOf(status: number): RemoteFault {
  if (status === 401 || status === 403) return 'denied'
  if (status === 404) return 'not-found'
  if (status === 410) return 'gone'
  if (status === 429 || status === 503) return 'busy'
  if (status === 407) return 'proxy'
  return status >= 500 || status === 408 ? 'server-error' : 'answer'
}

/** What a problem document or a text says, one line. */
function detailIn(text: string): string {
  if (/^\s*</.test(text)) return ' with a page for people'
  let detail = text
  try {
    const { detail: said, message } = JSON.parse(text)
    detail = [said, message].find(value => typeof value === 'string') ?? text
  } catch {}
  const line = detail.replace(/\s+/g, ' ').trim().slice(0, 300)
  return line === '' ? '' : `: ${line}`
}

async function contentOf(
  { body, url }: NetworkAnswer,
  most: number,
  signal?: AbortSignal,
): Promise<Buffer> {
  const chunks: Buffer[] = []
  let length = 0
  try {
    for await (const chunk of body) {
      length += chunk.length
      if (length > most) break
      chunks.push(chunk)
    }
  } catch (error) {
    if (signal?.aborted === true) throw signal.reason
    throw failureOf(shown(url), error, 'broken-off')
  }
  if (length > most)
    throw new RemoteFailed('answer', `${shown(url)} answers more than ${most} bytes`)
  return Buffer.concat(chunks)
}

function isRedirect(status: number): boolean {
  return [301, 302, 303, 307, 308].includes(status)
}

function redirectTarget(from: string, location: string): string {
  const target = URL.parse(location, from)
  if (target?.protocol === 'http:' && from.startsWith('https:')) {
    throw new RemoteFailed(
      'answer',
      `${shown(from)} redirects from https to http; that is not followed`,
    )
  }
  if (target?.protocol === 'http:' || target?.protocol === 'https:') return target.href
  throw new RemoteFailed('answer', `${shown(from)} redirects to something that is no http address`)
}

function flat(headers: Record<string, string | string[] | undefined>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, [value ?? ''].flat().join(', ')]),
  )
}

function dispatcherOf(options: NetworkOptions): Dispatcher {
  const ca = (options.caFiles ?? []).map(certificatesIn)
  const { connectMs = 20_000, answerMs = 60_000, stall } = options
  const limits = {
    headersTimeout: answerMs,
    // Slow bytes are watched by whoever reads them; this finds those that never come.
    bodyTimeout: (stall?.seconds ?? 30) * 1000,
    connect: { timeout: connectMs, ...(ca.length > 0 && { ca: [...rootCertificates, ...ca] }) },
    allowH2: false,
  }
  return hasProxy(process.env)
    ? new EnvHttpProxyAgent({
        ...limits,
        requestTls: limits.connect,
        proxyTls: limits.connect,
        proxyTunnel: false,
      })
    : new Agent(limits)
}

/** True when the environment names a proxy: the agent that asks it costs every request a look. */
function hasProxy(env: NodeJS.ProcessEnv): boolean {
  return ['http_proxy', 'HTTP_PROXY', 'https_proxy', 'HTTPS_PROXY'].some(
    name => (env[name] ?? '') !== '',
  )
}

function certificatesIn(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    const reason = `the certificates in ${path} cannot be read: ${(error as Error).message}`
    throw new PullRefused(reason)
  }
}
