/** Speaks with the upload routes of a server. */
import { type ErrorCode, RefdepotError } from '../domain/errors.ts'

/** How far an upload has come, as the server tells it. */
export interface RemoteUpload {
  readonly id: string
  readonly state: 'open' | 'verifying' | 'published' | 'failed'
  readonly registry_path: string
  readonly bytes: number
  readonly part_bytes: number
  readonly part_count: number
  readonly received: readonly number[]
  readonly reason?: string
  readonly generation?: number
}

/** A part that is to be sent. */
export interface PartToSend {
  readonly number: number
  readonly body: Buffer
  /** hex */
  readonly sha256: string
}

const CODES: Readonly<Record<number, ErrorCode>> = { 401: 'login-required', 403: 'forbidden' }

/** Thrown when a server answers that it does not do what was asked. */
export class ServerRefused extends RefdepotError {
  readonly code: ErrorCode
  readonly status: number
  /** The code of the problem that the server names; empty when it names none. */
  readonly problem: string

  constructor(url: string, status: number, problem: string, detail: string) {
    super(`${url} answers ${status}: ${detail}`)
    this.code = CODES[status] ?? 'server-refused'
    this.status = status
    this.problem = problem
  }
}

/** Thrown when a server or store cannot be reached. */
export class ServerUnreachable extends RefdepotError {
  readonly code = 'server-unreachable'

  constructor(url: string, cause: unknown) {
    const { message } = ((cause as Error).cause ?? cause) as Error
    super(`cannot reach ${url}: ${message}`, { cause })
  }
}

/** One server with the token of whoever publishes there. */
export class UploadClient {
  readonly #base: string
  readonly #token: string

  /**
   * @param base - address of the server
   * @param token - sent to this server only
   */
  constructor(base: string, token: string) {
    this.#base = base.replace(/\/+$/, '')
    this.#token = token
  }

  /** Begins an upload or goes on with one. Throws ServerRefused, ServerUnreachable, as all the others. */
  begin(order: object): Promise<RemoteUpload> {
    return this.#json('POST', '/uploads', order)
  }

  status(id: string): Promise<RemoteUpload> {
    return this.#json('GET', `/uploads/${id}`)
  }

  complete(id: string): Promise<RemoteUpload> {
    return this.#json('POST', `/uploads/${id}/complete`, {})
  }

  /** Sends a part to the store when the server names an address there, else to the server. */
  async putPart(id: string, part: PartToSend, throughServer: boolean): Promise<void> {
    const address = throughServer ? undefined : await this.#addressOf(id, part)
    const body = new Uint8Array(part.body)
    if (address !== undefined) {
      // The address is the right to send: no token goes to the store.
      await answered(address.url, { method: 'PUT', body, headers: address.headers })
      return
    }
    const digest = Buffer.from(part.sha256, 'hex').toString('base64')
    const headers = {
      ...this.#headers(),
      'content-type': 'application/octet-stream',
      'content-digest': `sha-256=:${digest}:`,
    }
    const url = `${this.#base}/uploads/${id}/parts/${part.number}`
    await answered(url, { method: 'PUT', body, headers })
  }

  async #addressOf(id: string, { number, sha256 }: PartToSend) {
    interface Addresses {
      readonly parts: { readonly url: string; readonly headers: Record<string, string> }[]
    }
    const { parts } = await this.#json<Addresses>('POST', `/uploads/${id}/parts`, {
      parts: [{ number, sha256 }],
    })
    return parts[0]
  }

  async #json<T>(method: string, path: string, body?: object): Promise<T> {
    const headers = {
      ...this.#headers(),
      ...(body !== undefined && { 'content-type': 'application/json' }),
    }
    const sent = body === undefined ? {} : { body: JSON.stringify(body) }
    const answer = await answered(this.#base + path, { method, headers, ...sent })
    return (await answer.json()) as T
  }

  #headers(): Record<string, string> {
    return { authorization: `Bearer ${this.#token}`, accept: 'application/json' }
  }
}

async function answered(url: string, init: RequestInit): Promise<Response> {
  // Signatures in addresses are rights: only the part before the query is ever shown.
  const [shown = url] = url.split('?')
  let answer: Response
  try {
    answer = await fetch(url, { ...init, redirect: 'error' })
  } catch (error) {
    throw new ServerUnreachable(shown, error)
  }
  if (answer.ok) return answer
  const text = await answer.text().catch(() => '')
  const { code = '', detail = text.slice(0, 300) || answer.statusText } = problemIn(text)
  throw new ServerRefused(shown, answer.status, code, detail)
}

function problemIn(text: string): { code?: string; detail?: string } {
  try {
    const { code, detail } = JSON.parse(text)
    return {
      ...(typeof code === 'string' && { code }),
      ...(typeof detail === 'string' && { detail }),
    }
  } catch {
    return {}
  }
}
