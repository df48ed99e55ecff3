/**
 * Budgets of bytes and of transfers at a time, for each address and each token.
 *
 * Requests are never counted: a reader of ranges sends thousands of small ones. A transfer is charged with what it announces when it
 * begins, and gets back what was not sent. Budgets live in memory: the workers of one server ask their primary process, replicas have their own.
 */
import { TooMany } from '../../domain/access-errors.ts'

/** Bytes per span of time; a bucket that fills up steadily. */
export interface ByteBudget {
  readonly bytes: number
  readonly seconds: number
}

/** What is allowed; what is not given is not limited. */
export interface LimitSettings {
  readonly addressBytes?: ByteBudget
  readonly tokenBytes?: ByteBudget
  readonly addressTransfers?: number
  readonly tokenTransfers?: number
}

/** True for settings that limit nobody. */
export function isUnlimited(settings: LimitSettings): boolean {
  return Object.values(settings).every(limit => limit === undefined)
}

/** A transfer that was let in. */
export interface Transfer {
  /** Ends it; bytes that were announced but not sent are given back. */
  end(sentBytes: number): void
}

/** Lets transfers begin; the answer of another process takes a moment. */
export interface TransferBudget {
  /** True when everything may begin at any time, so that nobody need ask. */
  readonly isUnlimited?: boolean
  /**
   * Begins a transfer.
   *
   * @throws TooMany with the seconds until one may begin
   */
  begin(address: string, token: string | undefined, bytes: number): Transfer | Promise<Transfer>
}

// Accounts that are full and idle are forgotten when there are more.
const MOST_ACCOUNTS = 10_000
const KEPT_SHARE = 0.9

interface Account {
  /** Bytes that may be sent now; below 0 after a transfer larger than what was left. */
  balance: number
  at: number
  running: number
  /** When it will be full again, ms since 1970. */
  fullAt: number
}

interface Limit {
  readonly key: string
  readonly whose: string
  readonly budget: ByteBudget | undefined
  readonly transfers: number | undefined
}

/** Keeps the accounts; see the head of this file. */
export class TransferLimits implements TransferBudget {
  readonly #settings: LimitSettings
  readonly #accounts = new Map<string, Account>()
  readonly #now: () => number

  constructor(settings: LimitSettings = {}, now: () => number = Date.now) {
    this.#settings = settings
    this.#now = now
  }

  /** See {@link TransferBudget}. */
  get isUnlimited(): boolean {
    return isUnlimited(this.#settings)
  }

  /** See {@link TransferBudget}. */
  begin(address: string, token: string | undefined, bytes: number): Transfer {
    const limits = this.#limitsFor(address, token)
    for (const limit of limits) this.#check(limit)
    const accounts = limits.map(limit => this.#account(limit))
    for (const [i, account] of accounts.entries()) {
      account.running += 1
      account.balance -= bytes
      account.fullAt = fullAgain(account, limits[i]?.budget)
    }
    let ended = false
    return {
      end: sent => {
        if (ended) return
        ended = true
        for (const account of accounts) {
          account.running -= 1
          account.balance += Math.max(0, bytes - sent)
        }
      },
    }
  }

  #limitsFor(address: string, token: string | undefined): Limit[] {
    const { addressBytes, addressTransfers, tokenBytes, tokenTransfers } = this.#settings
    const limits: Limit[] = []
    // Callers of a unix socket have no address: they are not one caller.
    if (address !== '' && (addressBytes !== undefined || addressTransfers !== undefined)) {
      const whose = 'this address'
      limits.push({
        key: `address ${address}`,
        whose,
        budget: addressBytes,
        transfers: addressTransfers,
      })
    }
    if (token !== undefined && (tokenBytes !== undefined || tokenTransfers !== undefined)) {
      const whose = 'this token'
      limits.push({ key: `token ${token}`, whose, budget: tokenBytes, transfers: tokenTransfers })
    }
    return limits
  }

  #check(limit: Limit): void {
    const account = this.#account(limit)
    const { whose, budget, transfers } = limit
    if (transfers !== undefined && account.running >= transfers) {
      throw new TooMany(`${whose} has ${transfers} transfers running already`, 1)
    }
    if (budget !== undefined && account.balance <= 0) {
      // At least a hundredth of the budget, so that waiting is worth it.
      const missing = budget.bytes / 100 - account.balance
      const wait = Math.max(1, Math.ceil((missing * budget.seconds) / budget.bytes))
      throw new TooMany(`${whose} has used up its budget of bytes`, wait)
    }
  }

  /** The account with what has flowed in since it was last looked at. */
  #account({ key, budget }: Limit): Account {
    const now = this.#now()
    const full = budget?.bytes ?? 0
    const account = this.#accounts.get(key) ?? { balance: full, at: now, running: 0, fullAt: now }
    if (budget !== undefined) {
      const income = ((now - account.at) / 1000) * (budget.bytes / budget.seconds)
      account.balance = Math.min(full, account.balance + income)
    }
    account.at = now
    this.#accounts.delete(key)
    this.#accounts.set(key, account)
    if (this.#accounts.size > MOST_ACCOUNTS) this.#forgetIdle(key)
    return account
  }

  /** Those that are full first; when all have used something, those that have been idle for longest. Many at a time: looking costs. */
  #forgetIdle(besides: string): void {
    const now = this.#now()
    for (const onlyFull of [true, false]) {
      for (const [key, { running, fullAt }] of this.#accounts) {
        if (this.#accounts.size <= MOST_ACCOUNTS * KEPT_SHARE) return
        const idle = running === 0 && key !== besides
        if (idle && (fullAt <= now || !onlyFull)) this.#accounts.delete(key)
      }
    }
  }
}

function fullAgain({ balance, at }: Account, budget: ByteBudget | undefined): number {
  return budget === undefined
    ? at
    : at + ((budget.bytes - balance) * budget.seconds * 1000) / budget.bytes
}
