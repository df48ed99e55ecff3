/** `refdepot audit`: prints the audit. */
import { SettingInvalid } from '../config/config-error.ts'
import { csvText } from '../domain/csv-text.ts'
import { DURATION_FORMS, parseDuration } from '../domain/duration.ts'
import type { AuditRow } from '../state/audit-store.ts'
import { EXIT } from './exit-codes.ts'
import { type StateFlags, withState } from './state-flags.ts'
import { tableText } from './table.ts'

/** Flags of `audit`. */
export interface AuditFlags extends StateFlags {
  readonly since?: string
  readonly actor?: string
  readonly action?: string
  readonly limit: string
  readonly json?: boolean
  readonly csv?: boolean
}

const COLUMNS = ['Time (UTC)', 'Who', 'What', 'On', 'Times', 'Address']

/** Prints rows in the order of time. */
export async function runAudit(flags: AuditFlags): Promise<number> {
  const { since, actor, action } = flags
  const seconds = since === undefined ? undefined : parseDuration(since)
  if (since !== undefined && seconds === undefined) {
    throw new SettingInvalid('--since', since, DURATION_FORMS)
  }
  if (!/^[1-9]\d{0,8}$/.test(flags.limit)) {
    throw new SettingInvalid('--limit', flags.limit, 'a number of rows')
  }
  const rows = await withState(flags, state =>
    state.audit.find({
      limit: Number(flags.limit),
      ...(seconds !== undefined && { since: new Date(Date.now() - seconds * 1000) }),
      ...(actor !== undefined && { actor }),
      ...(action !== undefined && { action }),
    }),
  )
  if (flags.json === true) {
    for (const row of rows) process.stdout.write(`${JSON.stringify(row)}\n`)
  } else {
    const text = flags.csv === true ? csvText : tableText
    process.stdout.write(text(COLUMNS, rows.map(cells)))
  }
  return EXIT.ok
}

function cells({ at, actor, action, subject, times, address }: AuditRow): string[] {
  const time = at.toISOString().slice(0, 19).replace('T', ' ')
  return [time, actor, action, subject, String(times), address ?? '']
}
