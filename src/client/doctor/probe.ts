/** Asks a server and keeps what is needed to judge the answer: its head, and the first bytes. */
import type { Network, NetworkRequest } from '../../transfer/network.ts'
import { discard, shown } from '../../transfer/network-answer.ts'
import { failureOf } from '../../transfer/network-failure.ts'

/** An answer as far as it was read. */
export interface Seen {
  readonly status: number
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  /** The body, at most so many bytes as were asked for. */
  readonly bytes: Buffer
  /** True when the body went on. */
  readonly cut: boolean
  /** Where it came from, behind redirects. */
  readonly url: string
  /** When the answer began, in milliseconds of the epoch. */
  readonly at: number
}

/** A request, and how much of the answer is read. */
export interface ProbeRequest extends NetworkRequest {
  /** Bytes of the body that are read; default 64 KiB. */
  readonly most?: number
}

const MOST = 64 * 1024

/** One server that is examined; nothing is asked twice for it, since a fault that passes is one too. */
export class Probe {
  readonly #network: Network
  readonly #authorized: boolean

  /** @param authorized - false: no credentials are sent */
  constructor(network: Network, authorized = true) {
    this.#network = network
    this.#authorized = authorized
  }

  /**
   * The answer to a request, whatever its status. A body that is longer is not read on.
   *
   * @throws RemoteFailed when there is none, or when it breaks off
   */
  async ask(url: string, order: ProbeRequest = {}): Promise<Seen> {
    const { most = MOST, ...request } = order
    const answer = await this.#network.request(url, {
      authorized: this.#authorized,
      ...request,
    })
    const { status, headers, body } = answer
    const at = Date.now()
    const chunks: Buffer[] = []
    let length = 0
    // Whoever stops reading breaks the connection off: that is no fault of the server.
    body.on('error', () => {})
    try {
      for await (const chunk of body) {
        chunks.push(chunk)
        length += chunk.length
        if (length > most) break
      }
    } catch (error) {
      throw failureOf(shown(url), error, 'broken-off')
    } finally {
      await discard(body)
    }
    const bytes = Buffer.concat(chunks).subarray(0, most)
    return { status, headers, bytes, cut: length > most, url: answer.url, at }
  }
}
