/** The audit in the state: who did what, who was refused what. Rows are added and read; nothing here changes or deletes one. */
import { randomBytes } from 'node:crypto'
import type { Kysely, Transaction } from 'kysely'
import { patiently } from './patiently.ts'
import type { AuditTable, Tables } from './schema.ts'

/** What happens that is worth a row. */
type AuditAction =
  | 'read'
  | 'seen'
  | 'link-created'
  | 'denied'
  | 'credentials-refused'
  | 'login'
  | 'logout'
  | 'token-created'
  | 'token-revoked'
  | 'introspected'
  | 'audit-read'
  | 'upload-begun'
  | 'published'
  | 'manifest-kept'

/** One thing that happened. */
export interface AuditEvent {
  /** `token NAME`, `oidc SUBJECT`, `command line (USER)` or `anonymous`. */
  readonly actor: string
  readonly action: AuditAction
  /** Registry path, with the path of the file where it was one; name of a token. */
  readonly subject: string
  /** Milliseconds since 1970; now when it is not given. */
  readonly at?: number
  /** How often; once when it is not given. */
  readonly times?: number
  readonly address?: string
}

/** One row of the audit. */
export interface AuditRow {
  readonly at: Date
  readonly actor: string
  readonly action: string
  readonly subject: string
  readonly times: number
  readonly address?: string
}

/** Which rows to read; what is not given does not matter. */
export interface AuditQuery {
  readonly since?: Date
  readonly actor?: string
  readonly action?: string
  /** The newest so many. */
  readonly limit: number
}

let counter = 0

/** Adds rows, within a transaction if one is given. */
export async function appendAudit(
  db: Kysely<Tables> | Transaction<Tables>,
  events: readonly AuditEvent[],
): Promise<void> {
  if (events.length === 0) return
  const rows = events.map((event): AuditTable => {
    const at = event.at ?? Date.now()
    const { actor, action, subject, times = 1, address = null } = event
    return { id: idAt(at), at, actor, action, subject, times, address }
  })
  await db.insertInto('audit').values(rows).execute()
}

/** Sorts by time, and by order of adding within one process. */
function idAt(at: number): string {
  counter = (counter + 1) % 0x1000000
  const order = counter.toString(16).padStart(6, '0')
  return `${at.toString(16).padStart(12, '0')}-${order}-${randomBytes(4).toString('hex')}`
}

/** The audit of one state. */
export class AuditStore {
  readonly #db: Kysely<Tables>

  constructor(db: Kysely<Tables>) {
    this.#db = db
  }

  /** Adds rows. */
  append(events: readonly AuditEvent[]): Promise<void> {
    return patiently(() => appendAudit(this.#db, events))
  }

  /** The newest rows that match, in the order of time. */
  async find({ since, actor, action, limit }: AuditQuery): Promise<AuditRow[]> {
    let query = this.#db.selectFrom('audit').selectAll().orderBy('id', 'desc').limit(limit)
    if (since !== undefined) query = query.where('at', '>=', since.getTime())
    if (actor !== undefined) query = query.where('actor', '=', actor)
    if (action !== undefined) query = query.where('action', '=', action)
    const rows = await query.execute()
    return rows.reverse().map(({ id: _id, at, address, times, ...rest }) => ({
      ...rest,
      at: new Date(Number(at)),
      times: Number(times),
      ...(address !== null && { address }),
    }))
  }
}
