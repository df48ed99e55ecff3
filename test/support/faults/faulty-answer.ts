/** One answer with one fault. Each answers true when the fault was really felt: bytes that left, or did not, for a client that was there. */
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import type { FaultDraw, FaultKind } from './fault-kinds.ts'
import { flippedAt, otherObject, type Passage, passBody, repeatedAt } from './passed-body.ts'
import type { Wire } from './wire.ts'

/** Where a fault plays. */
export interface Scene {
  readonly headers: IncomingHttpHeaders
  readonly wire: Wire
  readonly draw: FaultDraw
  /** Milliseconds that the proxy is silent at most. */
  readonly holdMs: number
  /** The answer of the origin to the same request with other headers. */
  readonly ask: (headers?: IncomingHttpHeaders) => Promise<IncomingMessage>
}

const whereIn = (draw: FaultDraw, length: number) => Math.floor(draw.at * length)

type Play = (scene: Scene) => Promise<boolean>

const PAGE = Buffer.from(
  '<!DOCTYPE html><html><body><h1>Welcome to the guest network</h1></body></html>\n',
)
const SLOW_PIECE = 8 * 1024
const TRICKLE_MS = 40
const LONGEST_RUN = 1000
const WITHHELD_MS = 600_000
const OTHER_TAG = '"another-object"'

/** Sends an answer as it is. */
export async function passOn(answer: IncomingMessage, wire: Wire): Promise<void> {
  wire.head(answer.statusCode ?? 502, answer.headers)
  await passBody(answer, wire, {})
  await wire.end()
}

function refusal(status: number, headers: object = {}): Play {
  return async ({ wire }) => {
    const text = Buffer.from('{"detail":"a fault that is meant"}\n')
    wire.head(status, {
      'content-type': 'application/json',
      'content-length': text.length,
      ...headers,
    })
    await wire.write(text)
    return wire.end()
  }
}

/** A fault of a body: there must be one, else the answer passes and nothing has fired. */
function ofBody(
  play: (scene: Scene, answer: IncomingMessage, length: number) => Promise<boolean>,
): Play {
  return async scene => {
    const answer = await scene.ask()
    const length = Number(answer.headers['content-length'])
    if ([200, 206].includes(answer.statusCode ?? 0) && length > 0) {
      const fired = await play(scene, answer, length)
      answer.destroy()
      return fired
    }
    await passOn(answer, scene.wire)
    return false
  }
}

/** Bytes are others; the answer looks sound. */
function changing(passage: (draw: FaultDraw, length: number) => Passage): Play {
  return ofBody(async ({ wire, draw }, answer, length) => {
    wire.head(answer.statusCode ?? 0, answer.headers)
    const { changed } = await passBody(answer, wire, { stop: length, ...passage(draw, length) })
    await wire.end()
    return changed
  })
}

/** Another object under a tag of its own; whoever has part of the first one (`If-Range`) gets it whole. */
const swap: Play = async scene => {
  const { range, 'if-range': ifRange, ...plain } = scene.headers
  const hasPart = range !== undefined && (ifRange ?? OTHER_TAG) === OTHER_TAG
  const headers = hasPart ? { ...plain, range } : plain
  return ofBody(async ({ wire }, answer) => {
    wire.head(answer.statusCode ?? 0, { ...answer.headers, etag: OTHER_TAG })
    const { changed } = await passBody(answer, wire, { change: otherObject })
    await wire.end()
    return changed
  })({ ...scene, headers, ask: (other = headers) => scene.ask(other) })
}

/** The body stops at a place below its length, and then something happens to the client that waits for the rest. */
function stopping(then: (scene: Scene, answer: IncomingMessage) => Promise<boolean>): Play {
  return ofBody(async (scene, answer, length) => {
    scene.wire.head(answer.statusCode ?? 0, answer.headers)
    const stop = Math.floor(scene.draw.at * length)
    const { bytes } = stop === 0 ? { bytes: 0 } : await passBody(answer, scene.wire, { stop })
    return bytes === stop && scene.wire.isOpen && then(scene, answer)
  })
}

/** The body comes with pauses. */
function paced(passage: (scene: Scene, length: number) => Passage): Play {
  return ofBody(async (scene, answer, length) => {
    const { wire } = scene
    wire.head(answer.statusCode ?? 0, answer.headers)
    const { paused } = await passBody(answer, wire, passage(scene, length))
    await wire.end()
    return paused > 0
  })
}

const slow = paced(({ holdMs, draw }, length) => {
  const pieces = Math.ceil(length / SLOW_PIECE)
  const ms = Math.min(5 + draw.random(40), Math.ceil(holdMs / pieces))
  return { piece: () => SLOW_PIECE, pause: () => ms }
})

/** From a place on, one byte at a time; the rest comes when the proxy has been slow for long enough. */
const trickle = paced(({ holdMs, draw }, length) => {
  const start = whereIn(draw, length)
  const isDrop = (offset: number) => offset >= start && offset < start + holdMs / TRICKLE_MS
  return {
    piece: offset => (isDrop(offset) ? 1 : offset < start ? start - offset : length),
    pause: offset => (isDrop(offset) ? TRICKLE_MS : 0),
  }
})

const ignoreRange = ofBody(async ({ headers, wire, ask }, answer, length) => {
  const { range: _range, 'if-range': _ifRange, ...plain } = headers
  const whole = await ask(plain)
  const wholeLength = Number(whole.headers['content-length'])
  wire.head(whole.statusCode ?? 0, whole.headers)
  const { bytes } = await passBody(whole, wire, {})
  await wire.end()
  whole.destroy()
  return answer.statusCode === 206 && wholeLength > length && bytes > 0
})

/** Start, end and size of `Content-Range`, and the start of another range of the same length in the file; undefined when there is none. */
function elsewhere(answer: IncomingMessage, draw: FaultDraw) {
  const { 'content-range': header = '' } = answer.headers
  const [, start = 0, end = 0, size = 0] = (/^bytes (\d+)-(\d+)\/(\d+)$/.exec(header) ?? []).map(
    Number,
  )
  const length = end - start + 1
  const places = size - length
  if (places <= 0) return undefined
  const other = (start + 1 + draw.random(places)) % (places + 1)
  return { start: other, end: other + length - 1, size }
}

const otherRange = ofBody(async ({ headers, wire, draw, ask }, answer) => {
  const other = elsewhere(answer, draw)
  const { 'if-range': _ifRange, ...plain } = headers
  const sent = other && (await ask({ ...plain, range: `bytes=${other.start}-${other.end}` }))
  wire.head((sent ?? answer).statusCode ?? 0, (sent ?? answer).headers)
  const { bytes } = await passBody(sent ?? answer, wire, {})
  await wire.end()
  sent?.destroy()
  return sent?.statusCode === 206 && bytes > 0
})

const lyingRange = ofBody(async ({ wire, draw }, answer) => {
  const other = elsewhere(answer, draw)
  const lie = other && { 'content-range': `bytes ${other.start}-${other.end}/${other.size}` }
  wire.head(answer.statusCode ?? 0, { ...answer.headers, ...lie })
  const { bytes } = await passBody(answer, wire, {})
  await wire.end()
  return lie !== undefined && bytes > 0
})

/** Less than there is, and it looks like all. */
function shortened(lengthOf: (stop: number) => object): Play {
  return ofBody(async ({ wire, draw }, answer, length) => {
    const stop = Math.floor(draw.at * length)
    const { 'content-length': _length, ...headers } = answer.headers
    const [, start, size] = /^bytes (\d+)-\d+(\/\d+)$/.exec(headers['content-range'] ?? '') ?? []
    // Half of such servers tell of a shorter range, too.
    const honest = start !== undefined && stop > 0 && draw.random(2) === 0
    const range = honest && { 'content-range': `bytes ${start}-${Number(start) + stop - 1}${size}` }
    wire.head(answer.statusCode ?? 0, { ...headers, ...lengthOf(stop), ...range })
    if (stop > 0) await passBody(answer, wire, { stop })
    return wire.end()
  })
}

const html: Play = async ({ wire }) => {
  wire.head(200, { 'content-type': 'text/html', 'content-length': PAGE.length })
  await wire.write(PAGE)
  return wire.end()
}

const silence = async ({ wire, holdMs }: Scene) => {
  await wire.hold(holdMs)
  wire.cut()
  return true
}

/** What each kind does. An expired link is the work of the proxy, which knows its links. */
export const PLAYS: Readonly<Record<Exclude<FaultKind, 'expired-link'>, Play>> = {
  'hang-up': async ({ wire }) => wire.cut(),
  silent: silence,
  500: refusal(500),
  503: refusal(503, { 'retry-after': '0' }),
  429: async scene => refusal(429, { 'retry-after': retryAfter(scene.draw) })(scene),
  404: refusal(404),
  cut: stopping(async ({ wire }) => wire.cut()),
  reset: stopping(async ({ wire }) => wire.reset()),
  stall: stopping(silence),
  trickle,
  slow,
  swap,
  'swap-same-tag': changing(() => ({ change: otherObject })),
  flip: changing((draw, length) => ({ change: flippedAt(whereIn(draw, length)) })),
  duplicate: changing((draw, length) => ({
    change: repeatedAt(whereIn(draw, length), 1 + draw.random(LONGEST_RUN)),
  })),
  'ignore-range': ignoreRange,
  'other-range': otherRange,
  'lying-range': lyingRange,
  'short-length': shortened(stop => ({ 'content-length': stop })),
  'short-end': shortened(() => ({})),
  html,
}

/** True when the last byte of the file is in the body. */
export function hasEnd({ statusCode, headers }: IncomingMessage): boolean {
  const [, last, size] = /^bytes \d+-(\d+)\/(\d+)$/.exec(headers['content-range'] ?? '') ?? []
  return statusCode === 200 || Number(last) + 1 === Number(size)
}

/** Sends an answer but for its last byte, for which the client waits. */
export async function withholdEnd(answer: IncomingMessage, wire: Wire): Promise<void> {
  const length = Number(answer.headers['content-length'])
  const draw = { kind: 'stall', at: (length - 0.5) / length, random: () => 0 } as const
  await PLAYS.stall({ headers: {}, wire, draw, holdMs: WITHHELD_MS, ask: async () => answer })
}

/** Now and then a second, in seconds or as a date (RFC 9110 §10.2.3). */
function retryAfter(draw: FaultDraw): string {
  if (draw.random(20) > 0) return '0'
  return draw.random(2) === 0 ? '1' : new Date(Date.now() + 1000).toUTCString()
}
