/** `refdepot token`: the secret goes to stdout alone, once; everything else says only how a token begins. */
import { expiryOf, tokenJson } from '../state/token-form.ts'
import { stateOf, type TokenRecord } from '../state/token-store.ts'
import { EXIT } from './exit-codes.ts'
import { commandLineUser, type StateFlags, withState } from './state-flags.ts'
import { tableText } from './table.ts'

/** Flags of `token list`, `show` and `revoke`. */
export interface TokenFlags extends StateFlags {
  readonly json?: boolean
}

/** Flags of `token create`. */
export interface CreateFlags extends StateFlags {
  readonly name: string
  readonly scope: readonly string[]
  readonly expires: string
}

const COLUMNS = ['Name', 'Begins with', 'Scopes', 'Created', 'Expires', 'Last used', 'State']

/** Makes a token and prints it alone, so that a script can take it. */
export async function runCreateToken(flags: CreateFlags): Promise<number> {
  const expiresAt = expiryOf(flags.expires)
  const scopes = flags.scope.flatMap(text => text.split(/[\s,]+/).filter(Boolean))
  const { token, record } = await withState(flags, state =>
    state.tokens.create({
      name: flags.name,
      scopes,
      by: commandLineUser(),
      ...(expiresAt && { expiresAt }),
    }),
  )
  const until = expiresAt === undefined ? 'does not expire' : `expires ${minute(expiresAt)} UTC`
  process.stderr.write(
    `token ${record.name} (${record.scopes.join(' ')}) ${until}; it is shown this once\n`,
  )
  process.stdout.write(`${token}\n`)
  return EXIT.ok
}

/** Prints all tokens. */
export async function runListTokens(flags: TokenFlags): Promise<number> {
  return print(await withState(flags, state => state.tokens.list()), flags)
}

/** Prints one token. */
export async function runShowToken(name: string, flags: TokenFlags): Promise<number> {
  const record = await withState(flags, state => state.tokens.named(name))
  if (flags.json !== true) return print([record], flags)
  process.stdout.write(`${JSON.stringify(tokenJson(record), null, 2)}\n`)
  return EXIT.ok
}

/** Revokes a token; running servers see it with the next request. */
export async function runRevokeToken(name: string, flags: TokenFlags): Promise<number> {
  await withState(flags, state => state.tokens.revoke(name, commandLineUser()))
  process.stdout.write(`revoked ${name}\n`)
  return EXIT.ok
}

function print(records: readonly TokenRecord[], { json }: TokenFlags): number {
  const text =
    json === true
      ? `${JSON.stringify(records.map(tokenJson), null, 2)}\n`
      : tableText(COLUMNS, records.map(row))
  process.stdout.write(text)
  return EXIT.ok
}

function row(record: TokenRecord): string[] {
  const { name, prefix, scopes, createdAt, expiresAt, lastUsedAt } = record
  return [
    name,
    prefix,
    scopes.join(' '),
    minute(createdAt),
    expiresAt === undefined ? 'never' : minute(expiresAt),
    lastUsedAt === undefined ? 'never' : minute(lastUsedAt),
    stateOf(record),
  ]
}

function minute(date: Date): string {
  return date.toISOString().slice(0, 16).replace('T', ' ')
}
