/** Opens the state: a small database with what has no other home. */
import { randomBytes } from 'node:crypto'
import { resolve } from 'node:path'
import { type Kysely, type MigrationResultSet, Migrator } from 'kysely'
import { StateUnavailable } from '../domain/access-errors.ts'
import { AuditStore } from './audit-store.ts'
import { DownloadStore } from './download-store.ts'
import { ManifestStore } from './manifest-store.ts'
import { MIGRATIONS } from './migrations.ts'
import { patiently } from './patiently.ts'
import { isPostgresUrl, withoutPassword } from './postgres-url.ts'
import { reasonOf } from './reason.ts'
import type { Tables } from './schema.ts'
import { SessionStore } from './session-store.ts'
import { TokenStore } from './token-store.ts'
import { UploadStore } from './upload-store.ts'

/** An open state. */
export interface State {
  /** Absolute path of the database, or its address without the password. */
  readonly path: string
  readonly tokens: TokenStore
  readonly sessions: SessionStore
  readonly audit: AuditStore
  readonly uploads: UploadStore
  readonly manifests: ManifestStore
  readonly downloads: DownloadStore
  /** 32 secret bytes under a name, made when they are asked for the first time; the same for every process. */
  key(name: string): Promise<Buffer>
  close(): Promise<void>
}

// Several processes may make the tables at the same time; the later ones then find them.
const ATTEMPTS = 40
const RETRY_MS = 100
const SOMEBODY_ELSE = /locked|busy|already exists|unique/i
const KEY_BYTES = 32

/**
 * Opens the state at a path, or at the address of a PostgreSQL database, and brings its tables up to date; makes them when they are not
 * there.
 *
 * @throws StateUnavailable naming the setting
 */
export async function openState(place: string): Promise<State> {
  const shared = isPostgresUrl(place)
  const path = shared ? withoutPassword(place) : resolve(place)
  const db = await connect(shared, shared ? place : path)
  try {
    await migrate(path, db)
  } catch (error) {
    await db.destroy()
    throw error
  }
  return {
    path,
    tokens: new TokenStore(db),
    sessions: new SessionStore(db),
    audit: new AuditStore(db),
    uploads: new UploadStore(db),
    manifests: new ManifestStore(db),
    downloads: new DownloadStore(db),
    key: name => keyNamed(db, name),
    close: () => db.destroy(),
  }
}

/** Only the driver that is needed is loaded. */
async function connect(shared: boolean, place: string): Promise<Kysely<Tables>> {
  if (shared) return (await import('./postgres.ts')).connectPostgres(place)
  return (await import('./sqlite.ts')).connectSqlite(place)
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
