/** Spans of time as people write them: `30d`, `12h`, `90m`, `45s`. */

const UNITS: Readonly<Record<string, number>> = {
  s: 1,
  m: 60,
  h: 3600,
  d: 86_400,
  w: 604_800,
  y: 31_536_000,
}

/** What is allowed, for error messages. */
export const DURATION_FORMS = 'a span of time such as 45s, 90m, 12h, 30d, 2w or 1y'

// Longer than anything that is meant; and times stay far within what a date can hold.
const LONGEST_SECONDS = 100 * 366 * 86_400

/** Seconds that a span lasts, at most a hundred years; undefined when the text is none. A plain number means seconds. */
export function parseDuration(text: string): number | undefined {
  const [, count, unit = 's'] = /^(\d{1,9})([smhdwy]?)$/.exec(text) ?? []
  if (count === undefined) return undefined
  const seconds = Number(count) * (UNITS[unit === '' ? 's' : unit] as number)
  return seconds > LONGEST_SECONDS ? undefined : seconds
}
