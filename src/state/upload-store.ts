/** Uploads in the state: begun on one server, they can be gone on with and ended on any other. */
import type { Kysely } from 'kysely'
import type { UploadEnd, UploadLedger, UploadRecord, UploadState } from '../domain/upload.ts'
import { patiently } from './patiently.ts'
import type { Tables, UploadTable } from './schema.ts'

/** The uploads of one state. */
export class UploadStore implements UploadLedger {
  readonly #db: Kysely<Tables>

  constructor(db: Kysely<Tables>) {
    this.#db = db
  }

  async add(upload: UploadRecord): Promise<void> {
    const row: UploadTable = {
      id: upload.id,
      state: upload.state,
      registry_path: upload.registryPath,
      archive: upload.archive,
      size: upload.size,
      created_by: upload.createdBy,
      created_at: upload.createdAt.getTime(),
      touched_at: upload.touchedAt.getTime(),
      store_upload: upload.storeUpload,
      order_text: upload.order,
      reason: upload.reason ?? null,
      generation: upload.generation ?? null,
    }
    await patiently(() => this.#db.insertInto('uploads').values(row).execute())
  }

  async byId(id: string): Promise<UploadRecord | undefined> {
    const row = await this.#db
      .selectFrom('uploads')
      .selectAll()
      .where('id', '=', id)
      .executeTakeFirst()
    return row && recordOf(row)
  }

  async unfinished({
    registryPath,
    archive,
    createdBy,
  }: Pick<UploadRecord, 'registryPath' | 'archive' | 'createdBy'>): Promise<
    UploadRecord | undefined
  > {
    const row = await this.#db
      .selectFrom('uploads')
      .selectAll()
      .where('state', 'in', ['open', 'verifying'])
      .where('registry_path', '=', registryPath)
      .where('archive', '=', archive)
      .where('created_by', '=', createdBy)
      .orderBy('created_at', 'desc')
      .executeTakeFirst()
    return row && recordOf(row)
  }

  async openOf(createdBy: string): Promise<number> {
    const row = await this.#db
      .selectFrom('uploads')
      .select(({ fn }) => fn.countAll().as('count'))
      .where('state', 'in', ['open', 'verifying'])
      .where('created_by', '=', createdBy)
      .executeTakeFirstOrThrow()
    return Number(row.count)
  }

  async claim(id: string, silentSince: Date): Promise<boolean> {
    const result = await patiently(() =>
      this.#db
        .updateTable('uploads')
        .set({ state: 'verifying', touched_at: Date.now() })
        .where('id', '=', id)
        .where(({ and, eb, or }) =>
          or([
            eb('state', '=', 'open'),
            and([eb('state', '=', 'verifying'), eb('touched_at', '<', silentSince.getTime())]),
          ]),
        )
        .executeTakeFirst(),
    )
    return Number(result.numUpdatedRows) === 1
  }

  async touch(id: string): Promise<void> {
    await this.#set(id, {})
  }

  async end(id: string, end: UploadEnd): Promise<void> {
    const { state } = end
    await this.#set(id, {
      state,
      reason: end.state === 'failed' ? end.reason : null,
      generation: end.state === 'published' ? end.generation : null,
    })
  }

  async reopen(id: string): Promise<void> {
    await this.#set(id, { state: 'open' })
  }

  async idleSince(time: Date): Promise<UploadRecord[]> {
    const rows = await this.#db
      .selectFrom('uploads')
      .selectAll()
      .where('touched_at', '<', time.getTime())
      .orderBy('touched_at')
      .execute()
    return rows.map(recordOf)
  }

  async remove(id: string): Promise<void> {
    await patiently(() => this.#db.deleteFrom('uploads').where('id', '=', id).execute())
  }

  async #set(id: string, values: Partial<UploadTable>): Promise<void> {
    await patiently(() =>
      this.#db
        .updateTable('uploads')
        .set({ ...values, touched_at: Date.now() })
        .where('id', '=', id)
        .execute(),
    )
  }
}

function recordOf(row: UploadTable): UploadRecord {
  return {
    id: row.id,
    state: row.state as UploadState,
    registryPath: row.registry_path,
    archive: row.archive,
    size: Number(row.size),
    createdBy: row.created_by,
    createdAt: new Date(Number(row.created_at)),
    touchedAt: new Date(Number(row.touched_at)),
    storeUpload: row.store_upload,
    order: row.order_text,
    ...(row.reason !== null && { reason: row.reason }),
    ...(row.generation !== null && { generation: Number(row.generation) }),
  }
}
