/** A state in PostgreSQL, which several servers share. */
import { Kysely, PostgresDialect } from 'kysely'
import pg from 'pg'
import type { Tables } from './schema.ts'

// A server asks for one row at a time; more connections than this would only wait for each other.
const MOST_CONNECTIONS = 10
// A database that does not answer must not hold up requests for long: open assets go on without it.
const CONNECT_MS = 3000
const STATEMENT_MS = 10_000

/** A pool of connections; they are opened when they are needed, and again when the database comes back. */
export function connectPostgres(url: string): Kysely<Tables> {
  const pool = new pg.Pool({
    connectionString: url,
    max: MOST_CONNECTIONS,
    connectionTimeoutMillis: CONNECT_MS,
    statement_timeout: STATEMENT_MS,
    application_name: 'refdepot',
  })
  // An idle connection that breaks is replaced by the next query; without a listener it would end the process.
  pool.on('error', () => {})
  return new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) })
}
