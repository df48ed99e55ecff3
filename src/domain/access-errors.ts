/** What can go wrong with tokens, links and rights. No message ever holds a secret. */
import { RefdepotError } from './errors.ts'
import { SCOPE_FORMS } from './rights.ts'

/** Thrown when something needs credentials and there are none that count. */
export class LoginRequired extends RefdepotError {
  readonly code = 'login-required'

  constructor(message = 'this needs a valid token: send it as `Authorization: Bearer TOKEN`') {
    super(message)
  }
}

/** Thrown when a caller is known but may not do this. */
export class Forbidden extends RefdepotError {
  readonly code = 'forbidden'
}

/** Thrown when a token is made under a name that a valid one has. */
export class TokenExists extends RefdepotError {
  readonly code = 'token-exists'
  readonly tokenName: string

  constructor(name: string) {
    super(`there is a token '${name}' already; revoke it first, or give another name`)
    this.tokenName = name
  }
}

/** Thrown when a token is named that was never made. */
export class UnknownToken extends RefdepotError {
  readonly code = 'unknown-token'
  readonly tokenName: string

  constructor(name: string) {
    super(`there is no token '${name}'; see the list of tokens`)
    this.tokenName = name
  }
}

/** Thrown when a scope, name or expiry of a token is not allowed. */
export class TokenRequestInvalid extends RefdepotError {
  readonly code = 'scope-invalid'

  /** @param field - what is wrong, with its value where that is no secret */
  constructor(field: string, allowed: string = SCOPE_FORMS) {
    super(`${field} is not allowed; give ${allowed}`)
  }
}

/** Thrown when a link was not made by this server, or for something else. */
export class LinkInvalid extends RefdepotError {
  readonly code = 'link-invalid'

  constructor(reason = 'this link was not made by this server, or was changed') {
    super(`${reason}; ask for a new one`)
  }
}

/** Thrown when the time of a link is over. */
export class LinkExpired extends RefdepotError {
  readonly code = 'link-expired'

  constructor() {
    super('the time of this link is over; ask for a new one')
  }
}

/** Thrown when a caller has used up a budget, or guesses at tokens. */
export class TooMany extends RefdepotError {
  readonly code = 'too-many-requests'
  /** Why, without the advice. */
  readonly reason: string
  /** Seconds after which asking again makes sense. */
  readonly retryAfter: number

  constructor(reason: string, retryAfter: number) {
    super(`${reason}; try again in ${retryAfter} seconds`)
    this.reason = reason
    this.retryAfter = retryAfter
  }
}

/** Thrown when a signed token cannot be checked, because the keys of its issuer cannot be fetched. */
export class IssuerUnreachable extends RefdepotError {
  readonly code = 'issuer-unreachable'
  readonly retryAfter = 10

  constructor(cause: unknown) {
    super('the token cannot be checked now: the keys of its issuer cannot be fetched', { cause })
  }
}

/** Thrown when the database with tokens and audit cannot be opened or used. */
export class StateUnavailable extends RefdepotError {
  readonly code = 'state-unavailable'
  readonly path: string

  constructor(path: string, reason: string, cause?: unknown) {
    super(
      `cannot use the state ${path}: ${reason}; give a writable place with --state FILE or $REFDEPOT_STATE`,
      { cause },
    )
    this.path = path
  }
}
