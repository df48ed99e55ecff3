/** Tokens in every state, for tests of who sees what. */
import { openState } from '../../src/state/open-state.ts'
import { makeToken } from '../../src/state/token-secret.ts'
import { HUSH, PANEL, SECRET_TAG } from './controlled-folder.ts'

/** Scopes that reach everything controlled in the folder but the decoy. */
const RIGHT_SCOPES = [`read:${HUSH.alias}/*`, `read:t7/${PANEL}`, `read:t7/fasta:${SECRET_TAG}`]

/** What a caller sends; undefined for nobody. */
export type Callers = Readonly<
  Record<
    | 'none'
    | 'wrong'
    | 'expired'
    | 'revoked'
    | 'wrong scope'
    | 'other study'
    | 'denied study'
    | 'introspect'
    | 'right'
    | 'right study'
    | 'admin',
    string | undefined
  >
>

/** Callers who must not see what is controlled. */
export const OUTSIDERS = [
  'none',
  'wrong',
  'expired',
  'revoked',
  'wrong scope',
  'other study',
  'denied study',
  'introspect',
] as const

/** Callers who may. */
export const INSIDERS = ['right', 'right study', 'admin'] as const

/** Makes one token of each kind in the state at a path. */
export async function makeCallers(path: string): Promise<Callers> {
  const state = await openState(path)
  const make = async (name: string, scopes: readonly string[], expiresAt?: Date) => {
    const made = await state.tokens.create({
      name,
      scopes,
      by: 'test',
      ...(expiresAt && { expiresAt }),
    })
    return made.token
  }
  const callers = {
    none: undefined,
    wrong: makeToken().token,
    expired: await make('expired', RIGHT_SCOPES, new Date(Date.now() - 1000)),
    revoked: await make('revoked', RIGHT_SCOPES),
    'wrong scope': await make('wrong-scope', ['read:mm10/*', 'read:t7/fasta:default']),
    'other study': await make('other-study', ['PANEL-8.READ', 'HUSH2.WRITE']),
    'denied study': await make('denied', ['admin', 'PANEL-7.DENY', 'HUSH.DENY', 'DECOY.DENY']),
    introspect: await make('introspect', ['introspect']),
    right: await make('right', RIGHT_SCOPES),
    'right study': await make('right-study', ['PANEL-7.READ', 'HUSH.WRITE']),
    admin: await make('admin', ['admin']),
  }
  await state.tokens.revoke('revoked', 'test')
  await state.close()
  return callers
}
