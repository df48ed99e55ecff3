/** The steps from an empty database to today's tables; a step that was published is never changed. */
import { type Kysely, type Migration, sql } from 'kysely'

/** Steps by name; names sort in the order of their making. */
export const MIGRATIONS: Readonly<Record<string, Migration>> = {
  '001-tokens-and-audit': { up: tokensAndAudit },
  '002-downloads': { up: downloads },
  '003-uploads': { up: uploads },
  '004-manifests': { up: manifests },
}

async function tokensAndAudit(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('tokens')
    .ifNotExists()
    .addColumn('id', 'text', column => column.primaryKey())
    .addColumn('name', 'text', column => column.notNull())
    .addColumn('hash', 'text', column => column.notNull())
    .addColumn('scopes', 'text', column => column.notNull())
    .addColumn('created_at', 'bigint', column => column.notNull())
    .addColumn('created_by', 'text', column => column.notNull())
    .addColumn('expires_at', 'bigint')
    .addColumn('revoked_at', 'bigint')
    .addColumn('last_used_at', 'bigint')
    .execute()
  // Two tokens of one name at a time would make `revoke NAME` a guess.
  await db.schema
    .createIndex('tokens_valid_name')
    .ifNotExists()
    .unique()
    .on('tokens')
    .column('name')
    .where(sql.ref('revoked_at'), 'is', null)
    .execute()
  await db.schema
    .createTable('sessions')
    .ifNotExists()
    .addColumn('hash', 'text', column => column.primaryKey())
    .addColumn('token_id', 'text', column => column.notNull())
    .addColumn('created_at', 'bigint', column => column.notNull())
    .addColumn('expires_at', 'bigint', column => column.notNull())
    .execute()
  await db.schema
    .createTable('audit')
    .ifNotExists()
    .addColumn('id', 'text', column => column.primaryKey())
    .addColumn('at', 'bigint', column => column.notNull())
    .addColumn('actor', 'text', column => column.notNull())
    .addColumn('action', 'text', column => column.notNull())
    .addColumn('subject', 'text', column => column.notNull())
    .addColumn('times', 'integer', column => column.notNull())
    .addColumn('address', 'text')
    .execute()
  await db.schema
    .createTable('keys')
    .ifNotExists()
    .addColumn('name', 'text', column => column.primaryKey())
    .addColumn('value', 'text', column => column.notNull())
    .addColumn('created_at', 'bigint', column => column.notNull())
    .execute()
}

async function downloads(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('download_days')
    .ifNotExists()
    .addColumn('archive', 'text', column => column.notNull())
    .addColumn('day', 'text', column => column.notNull())
    .addColumn('downloads', 'bigint', column => column.notNull())
    .addColumn('bytes', 'bigint', column => column.notNull())
    .addPrimaryKeyConstraint('download_days_key', ['archive', 'day'])
    .execute()
  await db.schema
    .createTable('download_totals')
    .ifNotExists()
    .addColumn('archive', 'text', column => column.primaryKey())
    .addColumn('downloads', 'bigint', column => column.notNull())
    .addColumn('bytes', 'bigint', column => column.notNull())
    .execute()
  await db.schema
    .createTable('partial_downloads')
    .ifNotExists()
    .addColumn('client', 'text', column => column.notNull())
    .addColumn('archive', 'text', column => column.notNull())
    .addColumn('view', 'text', column => column.notNull())
    .addColumn('progress', 'text', column => column.notNull())
    .addColumn('updated_at', 'bigint', column => column.notNull())
    .addPrimaryKeyConstraint('partial_downloads_key', ['client', 'archive', 'view'])
    .execute()
}

async function uploads(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('uploads')
    .ifNotExists()
    .addColumn('id', 'text', column => column.primaryKey())
    .addColumn('state', 'text', column => column.notNull())
    .addColumn('registry_path', 'text', column => column.notNull())
    .addColumn('archive', 'text', column => column.notNull())
    .addColumn('size', 'bigint', column => column.notNull())
    .addColumn('created_by', 'text', column => column.notNull())
    .addColumn('created_at', 'bigint', column => column.notNull())
    .addColumn('touched_at', 'bigint', column => column.notNull())
    .addColumn('store_upload', 'text', column => column.notNull())
    .addColumn('order_text', 'text', column => column.notNull())
    .addColumn('reason', 'text')
    .addColumn('generation', 'bigint')
    .execute()
}

async function manifests(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('manifests')
    .ifNotExists()
    .addColumn('id', 'text', column => column.primaryKey())
    .addColumn('content', 'text', column => column.notNull())
    .addColumn('size', 'bigint', column => column.notNull())
    .addColumn('created_by', 'text', column => column.notNull())
    .addColumn('created_at', 'bigint', column => column.notNull())
    .addColumn('expires_at', 'bigint', column => column.notNull())
    .execute()
}
