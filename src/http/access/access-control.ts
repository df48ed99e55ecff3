/** Everything that decides who may see what: made once by whoever starts a server, given to the app as one part. */
import { randomBytes } from 'node:crypto'
import type { LazyState } from '../../state/lazy-state.ts'
import { AuditTrail } from './audit-trail.ts'
import { Authenticator } from './authenticator.ts'
import { CredentialGate, type GateLimits, type GuessGate } from './credential-gate.ts'
import { DownloadCounts } from './download-counts.ts'
import type { HandOff } from './hand-off.ts'
import { type SignedTokenSettings, signedTokenCheck } from './signed-token.ts'
import type { StoreRedirects } from './store-redirect.ts'
import { type LimitSettings, type TransferBudget, TransferLimits } from './transfer-limits.ts'
import { sharedViews, type Viewing } from './visible-generation.ts'

/** Access control as the app uses it. */
export interface AccessControl {
  /** What a caller sees of a generation. */
  readonly view: Viewing
  readonly state: LazyState
  readonly authenticator: Authenticator
  readonly limits: TransferBudget
  readonly trail: AuditTrail
  /** Sends callers to the store; undefined when every byte passes through here. */
  readonly redirects: StoreRedirects | undefined
  /** Has a front proxy send files; undefined when every byte passes through here. */
  readonly handOff: HandOff | undefined
  readonly counts: DownloadCounts
  /** Signs links. */
  linkKey(): Promise<Buffer>
  /** Longest time that a link lives, in seconds. */
  readonly linkLifetime: number
  /** Writes what waits and closes the state. */
  close(): Promise<void>
}

/** What access control is made of. */
export interface AccessOptions {
  readonly state: LazyState
  /** Signs links; without it a key of the state. */
  readonly linkSecret?: string
  /** Longest time that a link lives, in seconds; a day without it. */
  readonly linkLifetime?: number
  readonly identityProvider?: SignedTokenSettings
  readonly limits?: LimitSettings
  /** True to keep addresses of clients in the audit. */
  readonly auditAddresses?: boolean
  readonly gate?: Partial<GateLimits>
  /** What several processes of one server hold together; each has its own without it. */
  readonly shared?: SharedAccess
  readonly redirects?: StoreRedirects
  readonly handOff?: HandOff
  /** True to count downloads; those counted before are shown in any case. */
  readonly countDownloads?: boolean
  /** How long it may take to learn that a client has thrown away an answer, in ms. */
  readonly settleMs?: number
  /** Told once when counts cannot be written. */
  readonly onUncounted?: (error: unknown) => void
  /** Told when the audit cannot be written. */
  readonly onError: (error: unknown) => void
  /** Another viewing, for tests of the tests. */
  readonly view?: Viewing
}

/** What several processes of one server hold together. */
export interface SharedAccess {
  readonly budget: TransferBudget
  readonly gate: GuessGate
  /** Signs links where there is no state to keep a key in. */
  readonly passingKey: Buffer
}

const ONE_DAY = 86_400
const KEY_BYTES = 32

/** Access control over a state. */
export function accessControl(options: AccessOptions): AccessControl {
  const { state, identityProvider, onError, shared } = options
  // A server without a state has nothing to keep a key in, and nothing controlled: its links live as long as it does.
  const passing = shared?.passingKey ?? randomBytes(KEY_BYTES)
  const trail = new AuditTrail({ state, addresses: options.auditAddresses === true, onError })
  const authenticator = new Authenticator({
    state,
    gate: shared?.gate ?? new CredentialGate(options.gate),
    signed: identityProvider && signedTokenCheck(identityProvider),
  })
  const counts = new DownloadCounts({
    state,
    enabled: options.countDownloads === true,
    ...(options.settleMs !== undefined && { settleMs: options.settleMs }),
    onError: options.onUncounted ?? onError,
  })
  return {
    view: options.view ?? sharedViews(),
    state,
    authenticator,
    limits: shared?.budget ?? new TransferLimits(options.limits),
    trail,
    redirects: options.redirects,
    handOff: options.handOff,
    counts,
    linkKey: async () => {
      const { linkSecret = '' } = options
      if (linkSecret !== '') return Buffer.from(linkSecret)
      return (await state.present())?.key('links') ?? passing
    },
    linkLifetime: options.linkLifetime ?? ONE_DAY,
    close: async () => {
      options.handOff?.transfers?.close()
      await trail.close()
      await counts.close()
      await state.close()
    },
  }
}
