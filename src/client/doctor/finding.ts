/** What an examination of a server says: one finding a check. */
import type { Fix } from './fixes.ts'

/** `fail`: clients of this kind do not work there; `warn`: they work, with less. */
type Level = 'ok' | 'warn' | 'fail'

/** Outcome of one check. */
export interface Finding {
  /** Stable name, such as `range-suffix`. */
  readonly check: string
  readonly level: Level
  /** What was seen; no secret and no query is in it. */
  readonly evidence: string
  /** How to put it right; undefined when nothing is wrong. */
  readonly fix?: Fix
}

/** All is well. */
export function ok(check: string, evidence: string): Finding {
  return { check, level: 'ok', evidence }
}

/** It works, with less. */
export function warn(check: string, evidence: string, fix: Fix): Finding {
  return { check, level: 'warn', evidence, fix }
}

/** It does not work. */
export function fail(check: string, evidence: string, fix: Fix): Finding {
  return { check, level: 'fail', evidence, fix }
}
