/** Evaluates conditional requests (RFC 9110 §13) against a strong ETag and a time. */
import type { IncomingHttpHeaders } from 'node:http'

/** What a client knows a representation by. */
export interface Validators {
  /** Strong, without quotes. */
  readonly etag: string
  readonly modified?: Date
}

/** Whether to go on, to say "you have it" (304) or "it is not what you think" (412). */
export type Precondition = 'proceed' | 'not-modified' | 'failed'

/** The outcome of the conditional headers, in the order RFC 9110 §13.2.2 demands. */
export function evaluate(headers: IncomingHttpHeaders, validators: Validators): Precondition {
  const ifMatch = headers['if-match']
  const unmodifiedSince = timeOf(headers['if-unmodified-since'])
  if (ifMatch !== undefined) {
    if (!matches(ifMatch, validators.etag, true)) return 'failed'
  } else if (unmodifiedSince !== undefined && secondsOf(validators) > unmodifiedSince) {
    return 'failed'
  }
  const ifNoneMatch = headers['if-none-match']
  if (ifNoneMatch !== undefined) {
    return matches(ifNoneMatch, validators.etag, false) ? 'not-modified' : 'proceed'
  }
  const modifiedSince = timeOf(headers['if-modified-since'])
  const unchanged = modifiedSince !== undefined && secondsOf(validators) <= modifiedSince
  return unchanged && validators.modified !== undefined ? 'not-modified' : 'proceed'
}

/** False when `If-Range` names another state than the present one: then the whole representation must be sent. */
export function rangeStillValid(headers: IncomingHttpHeaders, validators: Validators): boolean {
  const ifRange = headers['if-range']
  if (ifRange === undefined) return true
  const value = String(ifRange).trim()
  // §13.1.5: strong comparison of a tag, exact match of a date.
  if (value.startsWith('"')) return value === `"${validators.etag}"`
  return validators.modified !== undefined && timeOf(value) === secondsOf(validators)
}

function matches(header: string, etag: string, strong: boolean): boolean {
  if (header.trim() === '*') return true
  for (const [, weak, tag] of header.matchAll(/(W\/)?"([^"]*)"/g)) {
    if (tag === etag && !(strong && weak !== undefined)) return true
  }
  return false
}

/** Whole seconds since 1970: HTTP dates know no fractions. */
function secondsOf(validators: Validators): number {
  return Math.floor((validators.modified?.getTime() ?? Number.NEGATIVE_INFINITY) / 1000)
}

function timeOf(header: string | undefined): number | undefined {
  const time = header === undefined ? Number.NaN : Date.parse(header)
  return Number.isNaN(time) ? undefined : Math.floor(time / 1000)
}
