/** Budgets of bytes per span of time, as settings name them: `500GB/day`, `2TB/30d`. */
import { parseDuration } from '../domain/duration.ts'
import { parseSize } from '../domain/human-size.ts'

const WORDS: Readonly<Record<string, string>> = {
  second: '1s',
  minute: '1m',
  hour: '1h',
  day: '1d',
  week: '1w',
  month: '30d',
}

/** What is allowed, for error messages. */
export const BUDGET_FORMS = 'a size per span of time, such as 500GB/day or 2TB/30d'

/** Bytes and seconds of a budget; undefined when the text is none. */
export function parseBudget(text: string): { bytes: number; seconds: number } | undefined {
  const [, size, span] = /^([^/]+)\/([^/]+)$/.exec(text) ?? []
  if (size === undefined || span === undefined) return undefined
  const bytes = parseSize(size)
  const seconds = parseDuration(WORDS[span] ?? (/^[smhdwy]$/.test(span) ? `1${span}` : span))
  return bytes === undefined || bytes === 0 || seconds === undefined || seconds === 0
    ? undefined
    : { bytes, seconds }
}
