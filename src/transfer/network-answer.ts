/** An answer of a server: its content, or what a refusal says. */
import type { Readable } from 'node:stream'
import { RemoteFailed, type RemoteFault } from '../domain/transfer-errors.ts'
import { failureOf } from './network-failure.ts'
import { retryAfterOf } from './retry-after.ts'

/** An answer; whoever gets it reads or destroys the body. */
export interface NetworkAnswer {
  readonly status: number
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: Readable
  /** Where it came from, behind redirects. */
  readonly url: string
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

/**
 * A whole answer of `most` bytes at most. The body is read.
 *
 * @param signal - what may have ended the request; its reason is thrown then
 * @throws RemoteFailed, 'answer' when there is more
 */
export async function contentOf(
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
