/** Bodies on their way through the proxy: changed, cut, slowed. */
import type { Readable } from 'node:stream'
import type { Wire } from './wire.ts'

/** What happens to the bytes. */
export interface Passage {
  /** Bytes that go out, the rest is kept. Default: all. */
  readonly stop?: number
  /** Other bytes in place of those at an offset. */
  readonly change?: (chunk: Buffer, offset: number) => Buffer
  /** Milliseconds to wait before the bytes at an offset. */
  readonly pause?: (offset: number) => number
  /** Most bytes of the piece at an offset. */
  readonly piece?: (offset: number) => number
}

/** What happened to them. */
export interface Passed {
  /** Bytes that left. */
  readonly bytes: number
  /** True when some that left were not those of the origin. */
  readonly changed: boolean
  /** Milliseconds that others were held back for a client that waited. */
  readonly paused: number
}

/** Sends a body; ends early when the client goes. */
export async function passBody(source: Readable, wire: Wire, how: Passage): Promise<Passed> {
  const { stop = Number.POSITIVE_INFINITY, piece = () => 64 * 1024, pause = () => 0 } = how
  let bytes = 0
  let changed = false
  let paused = 0
  let offset = 0
  try {
    for await (const chunk of source as AsyncIterable<Buffer>) {
      for (let at = 0, own = chunk; at < chunk.length && bytes < stop; at += own.length) {
        own = chunk.subarray(at, at + piece(offset))
        const other = how.change?.(own, offset) ?? own
        const out = other.subarray(0, stop - bytes)
        offset += own.length
        const ms = pause(bytes)
        if (ms > 0 && (await wire.hold(ms))) paused += ms
        if (!(await wire.write(out))) return { bytes, changed, paused }
        bytes += out.length
        changed ||= !own.subarray(0, out.length).equals(out.subarray(0, own.length))
      }
      if (bytes >= stop) break
    }
  } catch {
    // The origin broke off: so does the proxy.
    wire.cut()
  }
  return { bytes, changed, paused }
}

/** Every byte is another one, the same whatever range is asked for: another object. */
export function otherObject(chunk: Buffer): Buffer {
  return Buffer.from(chunk.map(byte => byte ^ 0x5a))
}

/** One bit of the byte at a place is another one. */
export function flippedAt(place: number): (chunk: Buffer, offset: number) => Buffer {
  return (chunk, offset) => {
    const at = place - offset
    if (at < 0 || at >= chunk.length) return chunk
    const other = Buffer.from(chunk)
    other[at] = (chunk[at] ?? 0) ^ 0x10
    return other
  }
}

/** A run of bytes before a place comes once more behind it; what follows is moved. */
export function repeatedAt(place: number, most: number): (chunk: Buffer, offset: number) => Buffer {
  return (chunk, offset) => {
    const at = Math.max(1, place - offset)
    if (place < offset || at > chunk.length) return chunk
    const run = chunk.subarray(Math.max(0, at - most), at)
    return Buffer.concat([chunk.subarray(0, at), run, chunk.subarray(at)])
  }
}
