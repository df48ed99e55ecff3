/** Manifests in the state: kept for a while under the digest of their content, for all servers of an installation. */
import type { Kysely } from 'kysely'
import { patiently } from './patiently.ts'
import type { Tables } from './schema.ts'

/** A manifest to be kept. */
export interface KeptManifest {
  /** SHA-256 of the content, hex. */
  readonly id: string
  readonly content: string
  readonly createdBy: string
  readonly expiresAt: Date
}

/** The manifests of one state. */
export class ManifestStore {
  readonly #db: Kysely<Tables>

  constructor(db: Kysely<Tables>) {
    this.#db = db
  }

  /**
   * Keeps a manifest; one that is there is kept longer. Those whose time is over are swept away.
   *
   * @returns true when it was not there
   */
  async keep({ id, content, createdBy, expiresAt }: KeptManifest): Promise<boolean> {
    const now = Date.now()
    const expires_at = expiresAt.getTime()
    const row = {
      id,
      content,
      size: Buffer.byteLength(content),
      created_by: createdBy,
      created_at: now,
      expires_at,
    }
    await patiently(() => this.#db.deleteFrom('manifests').where('expires_at', '<=', now).execute())
    const added = await patiently(() =>
      this.#db
        .insertInto('manifests')
        .values(row)
        .onConflict(conflict => conflict.column('id').doNothing())
        .executeTakeFirst(),
    )
    if (Number(added.numInsertedOrUpdatedRows) === 1) return true
    await patiently(() =>
      this.#db
        .updateTable('manifests')
        .set({ expires_at })
        .where('id', '=', id)
        .where('expires_at', '<', expires_at)
        .execute(),
    )
    return false
  }

  /** The content of a manifest; undefined when there is none, or when its time is over. */
  async find(id: string): Promise<string | undefined> {
    const row = await this.#db
      .selectFrom('manifests')
      .select('content')
      .where('id', '=', id)
      .where('expires_at', '>', Date.now())
      .executeTakeFirst()
    return row?.content
  }

  /** How many manifests somebody has added since a time. */
  async addedBy(createdBy: string, since: Date): Promise<number> {
    const row = await this.#db
      .selectFrom('manifests')
      .select(({ fn }) => fn.countAll().as('count'))
      .where('created_by', '=', createdBy)
      .where('created_at', '>=', since.getTime())
      .executeTakeFirstOrThrow()
    return Number(row.count)
  }

  /** Bytes of all manifests together. */
  async bytes(): Promise<number> {
    const row = await this.#db
      .selectFrom('manifests')
      .select(({ fn }) => fn.sum('size').as('bytes'))
      .executeTakeFirstOrThrow()
    return Number(row.bytes ?? 0)
  }
}
