/**
 * Compressed forms of large answers (RFC 9110 §8.4, §12.5.3): made on the first request that takes one, outside the event loop, and kept as
 * long as the answer. Archives and files never have any: their bytes are data.
 *
 * Each form is a representation of its own, with an ETag made of its own bytes. Parts of it are not offered: nobody can read a part of a
 * compressed text, and whoever wants parts asks without codings.
 */
import { promisify } from 'node:util'
import { brotliCompress, constants, gzip } from 'node:zlib'
import { type Blob, memoryBlob } from '../storage/blob.ts'

/** A way to compress an answer. */
export type ContentCoding = 'br' | 'gzip'

/** A compressed answer. */
export interface CodedForm {
  readonly blob: Blob
  readonly coding: ContentCoding
}

// Below this an answer fits into a few packets, and compressing it saves nobody anything.
const LEAST_BYTES = 4096
// The best that takes no longer than gzip.
const BROTLI_QUALITY = 5

const brotli = promisify(brotliCompress)
const deflated = promisify(gzip)

const offered = new WeakMap<Blob, Map<ContentCoding, Promise<Blob>>>()

/** Lets an answer be compressed when it is JSON and large; true when it will be. The answer must be in memory, and be kept. */
export function offerCodings(blob: Blob): boolean {
  if (blob.size < LEAST_BYTES || !blob.mediaType.endsWith('json')) return false
  offered.set(blob, new Map())
  return true
}

/** True when which form of an answer is sent depends on what the client takes. */
export function hasCodings(blob: Blob): boolean {
  return offered.has(blob)
}

/**
 * The form of an answer that a client likes best; undefined for the answer as it is.
 *
 * @param accepted - `Accept-Encoding` of the request; a client that says nothing gets the answer as it is
 */
export async function codedForm(
  blob: Blob,
  accepted: string | undefined,
): Promise<CodedForm | undefined> {
  const forms = offered.get(blob)
  const coding = accepted === undefined ? undefined : preferredCoding(accepted)
  if (forms === undefined || coding === undefined) return undefined
  let form = forms.get(coding)
  if (form === undefined) {
    form = compressed(blob, coding)
    forms.set(coding, form)
  }
  return { blob: await form, coding }
}

/**
 * The coding that an `Accept-Encoding` weighs highest; undefined for none. Of equal weights the smaller form wins: clients name `gzip` first
 * out of habit, and what `accepts()` would choose is the first one.
 */
export function preferredCoding(accepted: string): ContentCoding | undefined {
  const weights = new Map(accepted.split(',').map(weightOf))
  const weight = (coding: string) => weights.get(coding) ?? weights.get('*') ?? 0
  const coding = weight('gzip') > weight('br') ? 'gzip' : 'br'
  // §12.5.3: `identity` is good enough unless it is ruled out, but it is no wish.
  const plain = weights.get('identity') ?? 0
  return weight(coding) > 0 && weight(coding) >= plain ? coding : undefined
}

function weightOf(part: string): [string, number] {
  const [name = '', ...parameters] = part.split(';').map(text => text.trim().toLowerCase())
  const given = parameters.find(text => text.startsWith('q='))
  const weight = given === undefined ? 1 : Number(given.slice(2))
  return [name, weight >= 0 && weight <= 1 ? weight : 0]
}

async function compressed(blob: Blob, coding: ContentCoding): Promise<Blob> {
  const plain = await blob.bytes({ start: 0, end: blob.size })
  const { BROTLI_PARAM_QUALITY, BROTLI_PARAM_SIZE_HINT } = constants
  const params = { [BROTLI_PARAM_QUALITY]: BROTLI_QUALITY, [BROTLI_PARAM_SIZE_HINT]: plain.length }
  const bytes = coding === 'br' ? await brotli(plain, { params }) : await deflated(plain)
  return memoryBlob(bytes, blob.mediaType)
}
