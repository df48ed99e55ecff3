/**
 * Requests to servers: proxies of the environment, private certificate authorities, time limits, redirects, credentials.
 *
 * Credentials belong to an origin and go nowhere else: a redirect to another origin (the store behind a server) is followed without them.
 * No message tells a query, since signatures in there are rights.
 */
import { type Dispatcher, request } from 'undici'
import { RemoteFailed } from '../domain/transfer-errors.ts'
import type { Credentials } from './credentials.ts'
import { contentOf, discard, type NetworkAnswer, refusalOf, shown } from './network-answer.ts'
import { type DispatcherOptions, dispatcherOf } from './network-dispatcher.ts'
import { failureOf } from './network-failure.ts'
import { pauseBefore } from './pauses.ts'

/** How a network is reached. */
export interface NetworkOptions extends DispatcherOptions {
  readonly credentials?: Credentials
  /** Attempts after the first one. Default 8. */
  readonly retries?: number
  /** First pause before another attempt in milliseconds; it doubles up to 30 s. Default 500. */
  readonly pauseMs?: number
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
  #end: AbortSignal | undefined
  readonly #closed = new AbortController()

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
      if (answer.status < 200 || answer.status >= 300) throw await refusalOf(answer)
      return contentOf(answer, most, order.signal ?? this.#end)
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

  /**
   * Work that is done again after a pause while what failed may pass.
   *
   * @param most - times that it is done again
   */
  async again<T>(work: () => Promise<T>, signal?: AbortSignal, most = MOST_RETRIES): Promise<T> {
    for (let attempt = 0; attempt < Math.min(this.retries, most); attempt += 1) {
      try {
        return await work()
      } catch (error) {
        // What nobody waits for any more must not keep the process alive with attempts at a network that is closed.
        if (!mayPass(error) || this.#closed.signal.aborted) throw error
        const ends = [this.#closed.signal, signal ?? this.#end].filter(end => end !== undefined)
        await pauseBefore(attempt, this.pauseMs, error, AbortSignal.any(ends))
      }
    }
    return work()
  }

  /** From now on requests without a signal of their own end with this one, with its reason. */
  endWith(signal: AbortSignal): void {
    this.#end = signal
  }

  /** Closes what is kept open; what still waits for another attempt ends. */
  async close(): Promise<void> {
    this.#closed.abort()
    await this.#dispatcher.destroy()
  }

  async #once(url: string, order: NetworkRequest): Promise<NetworkAnswer> {
    const signal = order.signal ?? this.#end
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
        ...(signal !== undefined && { signal }),
      })
      const { statusCode: status, body } = answer
      return { status, headers: flat(answer.headers), body, url }
    } catch (error) {
      if (signal?.aborted === true) throw signal.reason
      throw failureOf(shown(url), error)
    }
  }
}

/** True when another attempt may have another end. */
export function mayPass(error: unknown): error is RemoteFailed {
  if (!(error instanceof RemoteFailed)) return false
  return !['dns', 'denied', 'not-found', 'gone', 'tls', 'proxy', 'answer'].includes(error.fault)
}

function isRedirect(status: number): boolean {
  return [301, 302, 303, 307, 308].includes(status)
}

function redirectTarget(from: string, location: string): string {
  const target = URL.canParse(location, from) ? new URL(location, from) : undefined
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
