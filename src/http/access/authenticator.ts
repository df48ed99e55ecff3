/** Finds out who sends a request, from what it carries. */
import type { FastifyRequest } from 'fastify'
import { Rights } from '../../domain/rights.ts'
import type { LazyState } from '../../state/lazy-state.ts'
import type { State } from '../../state/open-state.ts'
import { tokenId } from '../../state/token-secret.ts'
import { stateOf, type TokenRecord } from '../../state/token-store.ts'
import { ANONYMOUS, type Caller } from './caller.ts'
import type { GuessGate } from './credential-gate.ts'
import { type Credential, credentialOf } from './credentials.ts'
import type { SignedTokenCheck } from './signed-token.ts'

/** What an authenticator asks. */
export interface AuthenticatorParts {
  readonly state: LazyState
  readonly gate: GuessGate
  /** Undefined when no identity provider is configured. */
  readonly signed: SignedTokenCheck | undefined
}

/** What a check of a credential has found. */
interface Checked {
  readonly caller: Caller
  /** True when the credential was made up; an expired one was not. */
  readonly guessed: boolean
}

/** Checks credentials anew for each request, so that a revoked token ends at once. */
export class Authenticator {
  readonly #parts: AuthenticatorParts
  #isUsed = false

  constructor(parts: AuthenticatorParts) {
    this.#parts = parts
  }

  /** True once somebody has sent a credential to a server that has a state to look it up in: then there is something to log in for. */
  get isUsed(): boolean {
    return this.#isUsed
  }

  /**
   * Who sends a request. Credentials that do not count make nobody special: what is open stays open to them.
   *
   * @throws TooMany when the address guesses at tokens, IssuerUnreachable, StateUnavailable
   */
  async callerOf(request: FastifyRequest): Promise<Caller> {
    const credential = credentialOf(request)
    return credential === undefined ? ANONYMOUS : this.check(credential, request.ip ?? '')
  }

  /** Who a credential stands for; see {@link callerOf}. */
  async check(credential: Credential, address: string): Promise<Caller> {
    const { gate } = this.#parts
    await gate.admit(address, credential.value)
    try {
      const { caller, guessed } = await this.#checked(credential)
      const accepted = caller.credentials === 'valid' ? 'accepted' : 'neither'
      gate.note(address, credential.value, guessed ? 'guessed' : accepted)
      return caller
    } catch (error) {
      gate.note(address, credential.value, 'neither')
      throw error
    }
  }

  /** The token of ours with this id as a caller, when it counts still. */
  async tokenCaller(id: string): Promise<Caller | undefined> {
    const state = await this.#present()
    const record = await state?.tokens.byId(id)
    const caller = record && callerFor(record)
    return caller?.credentials === 'valid' ? caller : undefined
  }

  #checked(credential: Credential): Promise<Checked> {
    if (credential.kind === 'session') return this.#session(credential.value)
    return credential.kind === 'signed'
      ? this.#signed(credential.value)
      : this.#token(credential.value)
  }

  async #token(token: string): Promise<Checked> {
    // What cannot be one of ours needs no database, and no state file to be there.
    if (tokenId(token) === undefined) return { caller: refused('unknown token'), guessed: true }
    const state = await this.#present()
    const record = await state?.tokens.find(token)
    if (record === undefined) return { caller: refused('unknown token'), guessed: true }
    return { caller: callerFor(record), guessed: false }
  }

  async #signed(token: string): Promise<Checked> {
    const found = await this.#parts.signed?.(token)
    if (found === undefined) {
      return { caller: refused('the signed token does not count here'), guessed: true }
    }
    if (found === 'expired') return { caller: refused('the token is expired'), guessed: false }
    const { subject, scopes, until } = found
    const rights = new Rights(scopes)
    const name = `oidc ${subject}`
    const caller: Caller = { rights, name, credentials: 'valid', signed: { scopes, until } }
    return { caller, guessed: false }
  }

  async #session(cookie: string): Promise<Checked> {
    const state = await this.#present()
    const id = await state?.sessions.tokenOf(cookie)
    const record = id === undefined ? undefined : await state?.tokens.byId(id)
    if (record === undefined) return { caller: refused('the login is over'), guessed: true }
    return { caller: { ...callerFor(record), byCookie: true, cookie }, guessed: false }
  }

  async #present(): Promise<State | undefined> {
    const state = await this.#parts.state.present()
    this.#isUsed ||= state !== undefined
    return state
  }
}

function callerFor(record: TokenRecord): Caller {
  const state = stateOf(record)
  if (state !== 'valid') return refused(`the token is ${state}`)
  const { id, name, scopes } = record
  return { rights: new Rights(scopes), name: `token ${name}`, credentials: 'valid', tokenId: id }
}

function refused(reason: string): Caller {
  return { ...ANONYMOUS, credentials: 'refused', reason }
}
