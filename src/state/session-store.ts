/** Browsers that have logged in: the cookie is a secret of its own, so that logging out ends it and the token stays out of the browser. */
import { randomBytes } from 'node:crypto'
import type { Kysely } from 'kysely'
import { patiently } from './patiently.ts'
import type { Tables } from './schema.ts'
import { hashOf } from './token-secret.ts'

const SECRET_BYTES = 32

/** The sessions of one state. */
export class SessionStore {
  readonly #db: Kysely<Tables>

  constructor(db: Kysely<Tables>) {
    this.#db = db
  }

  /** Starts a session and answers its cookie; sessions that are over are swept away. */
  async start(token: string, expiresAt: Date): Promise<string> {
    const cookie = randomBytes(SECRET_BYTES).toString('base64url')
    const now = Date.now()
    const row = {
      hash: hashOf(cookie),
      token_id: token,
      created_at: now,
      expires_at: expiresAt.getTime(),
    }
    await patiently(async () => {
      await this.#db.deleteFrom('sessions').where('expires_at', '<=', now).execute()
      await this.#db.insertInto('sessions').values(row).execute()
    })
    return cookie
  }

  /** The id of the token that a cookie stands for; undefined when the session is over or was never. */
  async tokenOf(cookie: string): Promise<string | undefined> {
    const row = await this.#db
      .selectFrom('sessions')
      .select('token_id')
      .where('hash', '=', hashOf(cookie))
      .where('expires_at', '>', Date.now())
      .executeTakeFirst()
    return row?.token_id
  }

  /** Ends a session. */
  async end(cookie: string): Promise<void> {
    await patiently(() =>
      this.#db.deleteFrom('sessions').where('hash', '=', hashOf(cookie)).execute(),
    )
  }
}
