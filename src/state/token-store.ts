/** Tokens in the state: made, checked, listed, revoked. */
import type { Kysely, Selectable } from 'kysely'
import { TokenExists, TokenRequestInvalid, UnknownToken } from '../domain/access-errors.ts'
import { parseScope } from '../domain/rights.ts'
import { appendAudit } from './audit-store.ts'
import { patiently } from './patiently.ts'
import type { Tables, TokenTable } from './schema.ts'
import { hashOf, makeToken, sameHash, TOKEN_PREFIX, tokenId } from './token-secret.ts'

/** What is known of a token; never the secret. */
export interface TokenRecord {
  readonly id: string
  readonly name: string
  /** How the token begins, to recognise a leaked one. */
  readonly prefix: string
  readonly scopes: readonly string[]
  readonly createdAt: Date
  readonly createdBy: string
  /** Undefined = never. */
  readonly expiresAt?: Date
  readonly revokedAt?: Date
  readonly lastUsedAt?: Date
}

/** Whether a token counts. */
export type TokenState = 'valid' | 'expired' | 'revoked'

/** What a token is made of. */
export interface TokenRequest {
  readonly name: string
  readonly scopes: readonly string[]
  readonly expiresAt?: Date
  /** Who makes it, for the audit. */
  readonly by: string
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9_.@+-]{0,99}$/
const MOST_SCOPES = 100
// What an unknown token is compared with, so that it costs what a known one does.
const NO_HASH = hashOf('')

/** The tokens of one state. */
export class TokenStore {
  readonly #db: Kysely<Tables>

  constructor(db: Kysely<Tables>) {
    this.#db = db
  }

  /**
   * Makes a token and answers it, this once.
   *
   * @throws TokenRequestInvalid, TokenExists
   */
  async create(request: TokenRequest): Promise<{ token: string; record: TokenRecord }> {
    checkRequest(request)
    const { name, scopes, expiresAt, by } = request
    const { token, id, hash } = makeToken()
    const row: TokenTable = {
      id,
      name,
      hash,
      scopes: JSON.stringify(scopes),
      created_at: Date.now(),
      created_by: by,
      expires_at: expiresAt?.getTime() ?? null,
      revoked_at: null,
      last_used_at: null,
    }
    const subject = `${name} (${scopes.join(' ')})`
    await patiently(async () => {
      await this.#demandFree(name)
      await this.#db.transaction().execute(async change => {
        await change.insertInto('tokens').values(row).execute()
        await appendAudit(change, [{ actor: by, action: 'token-created', subject }])
      })
    }).catch(async error => {
      // Somebody was quicker by a moment: the index of the table has refused it.
      await this.#demandFree(name)
      throw error
    })
    return { token, record: recordOf(row) }
  }

  /** The token that a text is, whatever its state; undefined when there is none. Takes the same time for known and unknown ids. */
  async find(token: string): Promise<TokenRecord | undefined> {
    const id = tokenId(token)
    const row = id === undefined ? undefined : await this.#row(id)
    const same = sameHash(hashOf(token), row?.hash ?? NO_HASH)
    return row !== undefined && same ? recordOf(row) : undefined
  }

  /** The token of an id. */
  async byId(id: string): Promise<TokenRecord | undefined> {
    const row = await this.#row(id)
    return row && recordOf(row)
  }

  /** All tokens that were ever made, the newest first. */
  async list(): Promise<TokenRecord[]> {
    const rows = await this.#db.selectFrom('tokens').selectAll().execute()
    return rows.map(recordOf).sort((a, b) => b.createdAt.getTime() - a.createdAt.getTime())
  }

  /**
   * The token of a name: the one that is not revoked, else the last one.
   *
   * @throws UnknownToken
   */
  async named(name: string): Promise<TokenRecord> {
    const rows = await this.#named(name)
    const [row] = rows.sort(
      (a, b) =>
        Number(a.revoked_at !== null) - Number(b.revoked_at !== null) ||
        Number(b.created_at) - Number(a.created_at),
    )
    if (row === undefined) throw new UnknownToken(name)
    return recordOf(row)
  }

  /**
   * Revokes the token of a name with its sessions; one that is revoked already stays so.
   *
   * @throws UnknownToken
   */
  async revoke(name: string, by: string): Promise<TokenRecord> {
    const { id, revokedAt } = await this.named(name)
    if (revokedAt === undefined) {
      await patiently(() =>
        this.#db.transaction().execute(async change => {
          await change
            .updateTable('tokens')
            .set({ revoked_at: Date.now() })
            .where('id', '=', id)
            .execute()
          await change.deleteFrom('sessions').where('token_id', '=', id).execute()
          await appendAudit(change, [{ actor: by, action: 'token-revoked', subject: name }])
        }),
      )
    }
    return (await this.byId(id)) as TokenRecord
  }

  /** Notes when tokens were last used. */
  async touch(uses: ReadonlyMap<string, number>): Promise<void> {
    for (const [id, at] of uses) {
      await patiently(() =>
        this.#db.updateTable('tokens').set({ last_used_at: at }).where('id', '=', id).execute(),
      )
    }
  }

  async #demandFree(name: string): Promise<void> {
    const others = await this.#named(name)
    if (others.some(({ revoked_at }) => revoked_at === null)) throw new TokenExists(name)
  }

  #row(id: string): Promise<Selectable<TokenTable> | undefined> {
    return this.#db.selectFrom('tokens').selectAll().where('id', '=', id).executeTakeFirst()
  }

  #named(name: string): Promise<Selectable<TokenTable>[]> {
    return this.#db.selectFrom('tokens').selectAll().where('name', '=', name).execute()
  }
}

/** Whether a token counts now. */
export function stateOf(record: TokenRecord, now = Date.now()): TokenState {
  if (record.revokedAt !== undefined) return 'revoked'
  return record.expiresAt !== undefined && record.expiresAt.getTime() <= now ? 'expired' : 'valid'
}

function checkRequest({ name, scopes }: TokenRequest): void {
  if (!NAME.test(name)) {
    throw new TokenRequestInvalid(
      'the name of the token',
      'up to 100 letters, digits and _ . @ + -, with a letter or digit first',
    )
  }
  if (scopes.length === 0) throw new TokenRequestInvalid('a token without scope')
  if (scopes.length > MOST_SCOPES) {
    throw new TokenRequestInvalid(`${scopes.length} scopes`, `at most ${MOST_SCOPES}`)
  }
  const bad = scopes.find(scope => parseScope(scope) === undefined)
  if (bad !== undefined) throw new TokenRequestInvalid(`the scope '${bad}'`)
}

/** PostgreSQL answers numbers of eight bytes as texts. */
function recordOf(row: Selectable<TokenTable>): TokenRecord {
  const { id, name, scopes, created_at, created_by } = row
  const date = (value: number | null) => (value === null ? undefined : new Date(Number(value)))
  const [expiresAt, revokedAt, lastUsedAt] = [
    date(row.expires_at),
    date(row.revoked_at),
    date(row.last_used_at),
  ]
  return {
    id,
    name,
    prefix: `${TOKEN_PREFIX}${id}`,
    scopes: JSON.parse(scopes),
    createdAt: new Date(Number(created_at)),
    createdBy: created_by,
    ...(expiresAt && { expiresAt }),
    ...(revokedAt && { revokedAt }),
    ...(lastUsedAt && { lastUsedAt }),
  }
}
