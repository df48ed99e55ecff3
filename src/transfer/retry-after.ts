/** The header `Retry-After` (RFC 9110 §10.2.3): seconds, or a date. */

// Whoever asks for more than this is not waited for as long.
const MOST_MS = 10 * 60 * 1000

/** Milliseconds to wait; undefined when the header is missing or says nothing. */
export function retryAfterOf(value: string | undefined, now = Date.now()): number | undefined {
  if (value === undefined) return undefined
  const ms = /^\s*\d+\s*$/.test(value) ? Number(value) * 1000 : Date.parse(value) - now
  return Number.isNaN(ms) ? undefined : Math.min(MOST_MS, Math.max(0, ms))
}
