/** One address of a file: asked for ranges, through redirects whose targets are used until they expire. */
import type { Readable } from 'node:stream'
import { RemoteFailed } from '../domain/transfer-errors.ts'
import type { Network } from './network.ts'
import { discard, type NetworkAnswer, refusalOf, shown } from './network-answer.ts'

/** Bytes that come. */
export interface RangeAnswer {
  readonly body: Readable
  /** The byte of the file that comes first. */
  readonly start: number
  /** The end of what comes: half-open. */
  readonly end: number
}

/** Thrown when an address sends the whole file whatever range it is asked for. */
export class RangesIgnored extends Error {}

// Answers by which stores refuse links: expired, or not theirs any more.
const LINK_REFUSED = new Set([400, 401, 403])

/** See the head of this file. */
export class Place {
  readonly url: string
  /** The address as messages tell it. */
  readonly name: string
  readonly #network: Network
  readonly #size: number
  /** Where the last redirect led. */
  #target: string | undefined
  #etag: string | undefined

  constructor(network: Network, url: string, size: number) {
    this.#network = network
    this.url = url
    this.name = shown(url)
    this.#size = size
  }

  /**
   * A range of the file.
   *
   * @throws RangesIgnored when there is only the whole file; RemoteFailed
   */
  async range(start: number, end: number, signal: AbortSignal): Promise<RangeAnswer> {
    const answer = await this.#answer({ range: `bytes=${start}-${end - 1}` }, signal)
    if (answer.status === 200 && start === 0 && end === this.#size) return this.#whole(answer)
    if (answer.status === 200) {
      await this.#mustBeWhole(answer)
      answer.body.on('error', () => {}).destroy()
      throw new RangesIgnored()
    }
    const [, from, to, total] =
      /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(answer.headers['content-range'] ?? '') ?? []
    const isRight =
      answer.status === 206 &&
      Number(from) === start &&
      Number(to) < end &&
      Number(to) >= start &&
      (total === '*' || Number(total) === this.#size)
    if (isRight) {
      await this.#mustBeTheSame(answer)
      return { body: answer.body, start, end: Number(to) + 1 }
    }
    throw await this.#odd(answer, `bytes ${start} to ${end}`)
  }

  /** The file from its begin, asked for without a range. */
  async whole(signal: AbortSignal): Promise<RangeAnswer> {
    const answer = await this.#answer({}, signal)
    if (answer.status === 200) return this.#whole(answer)
    throw await this.#odd(answer, 'the whole file')
  }

  async #whole(answer: NetworkAnswer): Promise<RangeAnswer> {
    await this.#mustBeWhole(answer)
    await this.#mustBeTheSame(answer)
    return { body: answer.body, start: 0, end: this.#size }
  }

  /** A success of any kind; links that a store refuses are asked for anew, once. */
  async #answer(headers: Record<string, string>, signal: AbortSignal): Promise<NetworkAnswer> {
    const target = this.#target
    if (target !== undefined) {
      const answer = await this.#network.request(target, { headers, signal })
      if (answer.status < 400) return answer
      await discard(answer.body)
      this.#target = undefined
    }
    const answer = await this.#network.request(this.url, { headers, signal })
    const isRedirected = answer.url !== this.url
    if (answer.status < 400) {
      if (isRedirected) this.#target = answer.url
      return answer
    }
    const refusal = await refusalOf(answer)
    // The server gives another link next time: its own refusal would be final.
    if (isRedirected && LINK_REFUSED.has(answer.status)) {
      throw new RemoteFailed('busy', `${refusal.message} (a link that has expired)`)
    }
    throw refusal
  }

  /** A page of errors with status 200, as some proxies make, is not the file. */
  async #mustBeWhole(answer: NetworkAnswer): Promise<void> {
    const length = answer.headers['content-length']
    if (length === undefined || Number(length) === this.#size) return
    await discard(answer.body)
    const message = `${this.name} answers ${length} bytes instead of ${this.#size}`
    throw new RemoteFailed('server-error', message)
  }

  /** Parts of two different files must not be put together. */
  async #mustBeTheSame(answer: NetworkAnswer): Promise<void> {
    const { etag } = answer.headers
    if (etag === undefined || etag.startsWith('W/')) return
    const before = this.#etag
    this.#etag = etag
    if (before === undefined || before === etag) return
    // The new one counts from now on: which of the two was the right one, the digests tell.
    answer.body.on('error', () => {}).destroy()
    throw new RemoteFailed('server-error', `${this.name} has changed while it was fetched`)
  }

  async #odd(answer: NetworkAnswer, wanted: string): Promise<RemoteFailed> {
    answer.body.on('error', () => {}).destroy()
    const range = answer.headers['content-range'] ?? 'none'
    const said = `${answer.status} (content-range: ${range})`
    return new RemoteFailed('server-error', `${this.name} answers ${said} instead of ${wanted}`)
  }
}
