/** A state in a file: SQLite, embedded. */
import { chmod, mkdir, open, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { Kysely, type SqliteDatabase, SqliteDialect } from 'kysely'
import Libsql from 'libsql'
import { StateUnavailable } from '../domain/access-errors.ts'
import { patiently } from './patiently.ts'
import { reasonOf } from './reason.ts'
import type { Tables } from './schema.ts'

// The database waits by blocking the process, so it waits shortly; `patiently` does the rest.
const BUSY_MS = 20

/**
 * Connects to the database in a file; makes the file when it is not there.
 *
 * @param file - absolute path
 * @throws StateUnavailable naming the setting
 */
export async function connectSqlite(file: string): Promise<Kysely<Tables>> {
  await makeFile(file)
  return connect(file)
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
