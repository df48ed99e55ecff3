/** Requests to another server that is mirrored. */
import { Readable } from 'node:stream'
import { StorageFailed } from '../domain/errors.ts'
import { RangedStream } from '../storage/ranged-stream.ts'
import type { ByteRange, Identity, StoredObject } from '../storage/store.ts'

const ANSWER_MS = 30_000
// A catalogue of 20,000 archives has 10 MB.
const MOST_BYTES = 512 * 1024 * 1024
const HEADERS = { 'accept-encoding': 'identity', 'user-agent': 'refdepot (mirror)' }

/** Size and state of an archive there; undefined for 404. */
export async function identityAt(url: string): Promise<Identity | undefined> {
  // The peer answers no HEAD.
  const answer = await ask(url, { range: 'bytes=0-0' })
  await answer.body?.cancel()
  if (answer.status === 404) return undefined
  const total = /\/(\d+)$/.exec(answer.headers.get('content-range') ?? '')?.[1]
  const size = Number(total ?? answer.headers.get('content-length') ?? Number.NaN)
  if (!answer.ok || !Number.isSafeInteger(size)) throw refused(url, answer.status)
  return { size, modifiedMs: 0, inode: answer.headers.get('etag') ?? '' }
}

/** An archive there; whoever reads it compares its digests, since its name may be given to other bytes. */
export function remoteObject(key: string, url: string, identity: Identity): StoredObject {
  const stream = (range: ByteRange) =>
    new RangedStream(range, url, (from, signal) => rangeAt(url, identity.size, from, signal))
  return {
    key,
    ...identity,
    stream,
    bytes: async range => Buffer.concat(await stream(range).toArray()),
    close: async () => {},
  }
}

async function rangeAt(
  url: string,
  size: number,
  { start, end }: ByteRange,
  signal: AbortSignal,
): Promise<Readable> {
  const whole = start === 0 && end === size
  const range = whole ? {} : { range: `bytes=${start}-${end - 1}` }
  const answer = await ask(url, range, signal)
  const partial = answer.headers.get('content-range') ?? ''
  const isRight = whole ? answer.status === 200 : partial.startsWith(`bytes ${start}-`)
  if (isRight && answer.body !== null) return Readable.fromWeb(answer.body)
  await answer.body?.cancel()
  if (answer.status !== 200) throw refused(url, answer.status)
  throw new StorageFailed(url, new Error('the server does not answer ranges'))
}

/** A whole small answer; undefined for 404. */
export async function contentAt(url: string): Promise<Buffer | undefined> {
  const answer = await ask(url)
  if (answer.status === 404) {
    await answer.body?.cancel()
    return undefined
  }
  if (!answer.ok || answer.body === null) throw refused(url, answer.status)
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of answer.body) {
    length += chunk.length
    /* c8 ignore next -- half a gigabyte is sent by no test */
    if (length > MOST_BYTES) throw new StorageFailed(url, new Error('the answer is too long'))
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

function ask(url: string, headers = {}, signal?: AbortSignal): Promise<Response> {
  const control = new AbortController()
  const stop = () => control.abort()
  signal?.addEventListener('abort', stop, { once: true })
  const timer = setTimeout(stop, ANSWER_MS)
  return fetch(url, { headers: { ...HEADERS, ...headers }, signal: control.signal })
    .catch(error => {
      // fetch says only that it failed; the reason is below.
      throw new StorageFailed(url, error.cause ?? error)
    })
    .finally(() => clearTimeout(timer))
}

function refused(url: string, status: number): StorageFailed {
  return new StorageFailed(url, new Error(`the server answers ${status}`))
}
