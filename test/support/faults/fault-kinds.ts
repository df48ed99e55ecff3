/** What a network, a store or a proxy in between does to answers. */
import { createHash } from 'node:crypto'
import { randomNumbers } from '../content-shapes.ts'

/** Faults of the conversation: any request may meet them. */
export const CONVERSATION_FAULTS = [
  /** The connection closes before the answer begins. */
  'hang-up',
  /** No answer begins. */
  'silent',
  '500',
  /** With `Retry-After`. */
  '503',
  /** With `Retry-After`. */
  '429',
  /** For a while, as while a store forgets a replica. */
  '404',
] as const

/** Faults of a body. They change or withhold bytes that the client cannot know better without a digest, so they are for files, not for catalogues. */
const BODY_FAULTS = [
  /** The connection closes in the middle. */
  'cut',
  /** The same with a reset (RST). */
  'reset',
  /** Nothing more comes; the connection stays. */
  'stall',
  /** One byte at a time comes. */
  'trickle',
  /** It comes in pieces with pauses. */
  'slow',
  /** Another object of the same length, with a tag of its own. */
  'swap',
  /** Another object of the same length under the same tag. */
  'swap-same-tag',
  /** Some bits are others. */
  'flip',
  /** A run of bytes comes twice; the length stays. */
  'duplicate',
  /** The whole file with status 200, though a range was asked for. */
  'ignore-range',
  /** Another range of the same length, and `Content-Range` says so. */
  'other-range',
  /** The right bytes under a `Content-Range` of another place. */
  'lying-range',
  /** `Content-Length` is too small, and so is what comes. */
  'short-length',
  /** Without `Content-Length`, it ends too early in good order. */
  'short-end',
  /** A page for people with status 200, as of a portal. */
  'html',
  /** The redirect leads to a signed address that answers 403 already, or soon. */
  'expired-link',
] as const

/** Every kind of fault. */
export const FAULT_KINDS = [...CONVERSATION_FAULTS, ...BODY_FAULTS] as const

/** See the lists. */
export type FaultKind = (typeof FAULT_KINDS)[number]

/** Faults that change bytes so that only a digest tells. */
export const CHANGING_FAULTS: readonly FaultKind[] = ['swap', 'swap-same-tag', 'flip', 'duplicate']

/** A fault that is meant for a request. Whether it fires is seen on the wire. */
export interface FaultDraw {
  readonly kind: FaultKind
  /** Where in the body: 0 its begin, below 1. */
  readonly at: number
  /** More numbers of the same seed, below a bound. */
  readonly random: (below: number) => number
}

const STEPS = 1_000_000

/** When faults are meant. */
export interface FaultOdds {
  readonly seed: number
  /** Of a request, 0 to 1. */
  readonly chance: number
  readonly kinds: readonly FaultKind[]
}

/**
 * The fault of a request; undefined when it passes.
 *
 * It depends on the seed, the request and how often it was made, not on the order of requests: parallel ones come in any order.
 */
export function drawFault(odds: FaultOdds, request: string, times: number): FaultDraw | undefined {
  const { seed, chance, kinds } = odds
  const digest = createHash('sha256').update(`${seed} ${request} ${times}`).digest()
  const random = randomNumbers(digest.readUInt32LE())
  const meant = random(STEPS) < chance * STEPS
  const kind = kinds[random(kinds.length)]
  const at = random(STEPS) / STEPS
  if (!meant || kind === undefined) return undefined
  return { kind, at, random }
}
