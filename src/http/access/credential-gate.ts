/**
 * Slows down whoever guesses at tokens.
 *
 * What counts is the number of different wrong credentials from one address: a client that goes on sending one stale token is no guesser.
 * Whoever tries too many waits, longer each time; what was accepted from the same address before still passes, so that a guesser behind
 * the same proxy does not lock its neighbours out. Everything is kept in memory, as keyed hashes.
 */
import { createHmac, randomBytes } from 'node:crypto'
import { TooMany } from '../../domain/access-errors.ts'

/** When guessing is slowed down. */
export interface GateLimits {
  /** So many different wrong credentials are free. */
  readonly free: number
  /** Milliseconds after which they are forgotten. */
  readonly windowMs: number
  /** First wait in milliseconds; each further wrong credential doubles it. */
  readonly firstWaitMs: number
  readonly longestWaitMs: number
}

const USUAL: GateLimits = {
  free: 10,
  windowMs: 10 * 60_000,
  firstWaitMs: 1000,
  longestWaitMs: 60_000,
}

/** Lets credentials be checked, or not yet; the answer of another process takes a moment. */
export interface GuessGate {
  /**
   * Lets a credential be checked, or not yet. One that was never seen counts as wrong until {@link note} says otherwise: else a burst would
   * be let in before the first answer.
   *
   * @param address - empty when it is not known: strangers without address are not one guesser
   * @throws TooMany with the seconds to wait
   */
  admit(address: string, credential: string): void | Promise<void>
  /** Notes what the check of an admitted credential has found. */
  note(address: string, credential: string, found: CredentialFound): void
}

/** What the check of a credential has found: it was made up, it counts, or neither (it counted once). */
export type CredentialFound = 'guessed' | 'accepted' | 'neither'

// So many addresses are remembered, and so many credentials of each.
const MOST_ADDRESSES = 10_000
const MOST_CREDENTIALS = 256

interface Address {
  since: number
  /** Number of different wrong credentials, also beyond those that are remembered. */
  count: number
  readonly wrong: Set<string>
  readonly accepted: Set<string>
  blockedUntil: number
}

/** Remembers who sent what; see the head of this file. */
export class CredentialGate implements GuessGate {
  readonly #key = randomBytes(32)
  readonly #limits: GateLimits
  readonly #addresses = new Map<string, Address>()
  readonly #now: () => number

  constructor(limits: Partial<GateLimits> = {}, now: () => number = Date.now) {
    this.#limits = { ...USUAL, ...limits }
    this.#now = now
  }

  /** See {@link GuessGate}. */
  admit(address: string, credential: string): void {
    if (address === '') return
    const known = this.#known(address)
    const print = this.#print(credential)
    if (known.accepted.has(print) || known.wrong.has(print)) return
    const wait = known.blockedUntil - this.#now()
    if (wait > 0) {
      throw new TooMany('too many wrong tokens came from this address', Math.ceil(wait / 1000))
    }
    known.count += 1
    if (known.wrong.size < MOST_CREDENTIALS) known.wrong.add(print)
    const over = known.count - this.#limits.free
    if (over <= 0) return
    const { firstWaitMs, longestWaitMs } = this.#limits
    known.blockedUntil = this.#now() + Math.min(firstWaitMs * 2 ** (over - 1), longestWaitMs)
  }

  /** See {@link GuessGate}. */
  note(address: string, credential: string, found: CredentialFound): void {
    const known = this.#addresses.get(address)
    if (known === undefined || found === 'guessed') return
    const print = this.#print(credential)
    if (known.wrong.delete(print)) known.count -= 1
    if (known.count <= this.#limits.free) known.blockedUntil = 0
    if (found === 'accepted' && known.accepted.size < MOST_CREDENTIALS) known.accepted.add(print)
  }

  #known(address: string): Address {
    const now = this.#now()
    const found = this.#addresses.get(address)
    this.#addresses.delete(address)
    const fresh = found === undefined || now - found.since > this.#limits.windowMs
    const known = fresh
      ? {
          since: now,
          count: 0,
          wrong: new Set<string>(),
          accepted: new Set<string>(),
          blockedUntil: 0,
        }
      : found
    this.#addresses.set(address, known)
    const [oldest] = this.#addresses.keys()
    if (this.#addresses.size > MOST_ADDRESSES && oldest !== undefined) {
      this.#addresses.delete(oldest)
    }
    return known
  }

  #print(credential: string): string {
    return createHmac('sha256', this.#key).update(credential).digest('base64url').slice(0, 16)
  }
}
