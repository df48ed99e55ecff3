/** Opens the state: a small database with what has no other home. */

import { randomBytes } from 'node:crypto'
import { chmod, mkdir, open, stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import {
  Kysely,
  type MigrationResultSet,
  Migrator,
  type SqliteDatabase,
  SqliteDialect,
} from 'kysely'
import Libsql from 'libsql'
import { StateUnavailable } from '../domain/access-errors.ts'
import { AuditStore } from './audit-store.ts'
import { MIGRATIONS } from './migrations.ts'
import { patiently } from './patiently.ts'
import type { Tables } from './schema.ts'
import { SessionStore } from './session-store.ts'
import { TokenStore } from './token-store.ts'

/** An open state. */
export interface State {
  /** Absolute path of the database. */
  readonly path: string
  readonly tokens: TokenStore
  readonly sessions: SessionStore
  readonly audit: AuditStore
  /** 32 secret bytes under a name, made when they are asked for the first time; the same for every process. */
  key(name: string): Promise<Buffer>
  close(): Promise<void>
}

// The database waits by blocking the process, so it waits shortly; `patiently` does the rest.
const BUSY_MS = 20
// Several processes may make the tables at the same time; the later ones then find them.
const ATTEMPTS = 40
const RETRY_MS = 100
const SOMEBODY_ELSE = /locked|busy|already exists|unique/i
const KEY_BYTES = 32

/**
 * Opens the state at a path and brings its tables up to date; makes it when it is not there.
 *
 * @throws StateUnavailable naming the setting
 */
export async function openState(path: string): Promise<State> {
  const file = resolve(path)
  await makeFile(file)
  const db = await connect(file)
  try {
    await migrate(file, db)
  } catch (error) {
    await db.destroy()
    throw error
  }
  return {
    path: file,
    tokens: new TokenStore(db),
    sessions: new SessionStore(db),
    audit: new AuditStore(db),
    key: name => keyNamed(db, name),
    close: () => db.destroy(),
  }
}

/** Only its owner may read it: it holds no token, but names, scopes and a key. */
async function makeFile(file: string): Promise<void> {
  try {
    await mkdir(dirname(file), { recursive: true })
    const fresh = await stat(file).then(
      () => false,
      () => true,
    )
    const handle = await open(file, 'a', 0o600)
    await handle.close()
    if (fresh) await chmod(file, 0o600)
  } catch (error) {
    throw new StateUnavailable(file, reasonOf(error), error)
  }
}

async function connect(file: string): Promise<Kysely<Tables>> {
  try {
    const database = new Libsql(file, { timeout: BUSY_MS })
    await patiently(async () => {
      database.exec(`PRAGMA busy_timeout = ${BUSY_MS}`)
      database.exec('PRAGMA journal_mode = WAL')
      database.exec('PRAGMA synchronous = NORMAL')
    })
    const dialect = new SqliteDialect({ database: database as unknown as SqliteDatabase })
    return new Kysely<Tables>({ dialect })
  } catch (error) {
    throw new StateUnavailable(file, reasonOf(error), error)
  }
}

async function migrate(file: string, db: Kysely<Tables>): Promise<void> {
  const migrator = new Migrator({ db, provider: { getMigrations: async () => MIGRATIONS } })
  let outcome: MigrationResultSet = {}
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    outcome = await migrator.migrateToLatest()
    if (outcome.error === undefined) return
    if (!SOMEBODY_ELSE.test(reasonOf(outcome.error))) break
    await new Promise(done => setTimeout(done, RETRY_MS))
  }
  const message = reasonOf(outcome.error)
  const reason = /corrupted migrations/.test(message)
    ? 'it was written by a newer version of refdepot'
    : message
  throw new StateUnavailable(file, reason, outcome.error)
}

async function keyNamed(db: Kysely<Tables>, name: string): Promise<Buffer> {
  const value = randomBytes(KEY_BYTES).toString('base64url')
  await patiently(() =>
    db
      .insertInto('keys')
      .values({ name, value, created_at: Date.now() })
      .onConflict(conflict => conflict.column('name').doNothing())
      .execute(),
  )
  const row = await db
    .selectFrom('keys')
    .select('value')
    .where('name', '=', name)
    .executeTakeFirstOrThrow()
  return Buffer.from(row.value, 'base64url')
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
