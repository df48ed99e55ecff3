/** All addresses of a file: which one is asked next, and which are not any more. */
import { DigestMismatch, RemoteFailed } from '../domain/transfer-errors.ts'
import { mayPass, type Network } from './network.ts'
import type { Part } from './part-plan.ts'
import { Place } from './place.ts'
import type { RemoteFile } from './remote-file.ts'

/** An address with what was seen of it. */
export interface KnownPlace {
  readonly place: Place
  /** False when it sends whole files only. */
  ranges: boolean
  /** Failures since something came from it. */
  failures: number
  /** Time until which others are asked first. */
  restsUntil: number
  /** Why it is not asked any more. */
  ended?: RemoteFailed
  /** Parts of it that were not what their digest says: number → how often. */
  readonly bad: Map<number, number>
  /** One at a time reads a file that comes whole only. */
  turn: Promise<unknown>
}

const FAILURES_TO_REST = 2
const REST_MS = 30_000
const BAD_TRIES = 3

/** See the head of this file. */
export class Places {
  readonly #file: RemoteFile
  readonly #race: boolean
  readonly #all: readonly KnownPlace[]

  constructor(file: RemoteFile, network: Network, race: boolean) {
    this.#file = file
    this.#race = race
    this.#all = [...new Set(file.urls)].map(url => ({
      place: new Place(network, url, file.size),
      ranges: true,
      failures: 0,
      restsUntil: 0,
      bad: new Map(),
      turn: Promise.resolve(),
    }))
  }

  /**
   * The address to ask for a part.
   *
   * @param worker - number of the connection: in a race each begins at another address
   * @throws DigestMismatch when everybody has sent something else for the part; RemoteFailed when nobody is left
   */
  choose(part: Part, worker: number): KnownPlace {
    const left = this.#all.filter(known => known.ended === undefined)
    if (left.length === 0) throw this.#lastWord()
    const usable = left.filter(({ bad }) => (bad.get(part.number) ?? 0) < BAD_TRIES)
    if (usable.length === 0) throw this.#damaged(part)
    const now = Date.now()
    const awake = usable.filter(({ restsUntil }) => restsUntil <= now)
    const from = awake.length > 0 ? awake : usable
    const ranged = from.filter(({ ranges }) => ranges)
    const best = ranged.length > 0 ? ranged : from
    return best[this.#race ? worker % best.length : 0] as KnownPlace
  }

  /** True when somebody else can be asked at once after a failure. */
  hasOther(known: KnownPlace): boolean {
    const now = Date.now()
    return this.#all.some(
      other => other !== known && other.ended === undefined && other.restsUntil <= now,
    )
  }

  /** Notes a failure. */
  failed(known: KnownPlace, error: RemoteFailed): void {
    known.failures += 1
    if (!mayPass(error)) known.ended = error
    else if (known.failures >= FAILURES_TO_REST) known.restsUntil = Date.now() + REST_MS
  }

  /** Notes that a part came as it should be. */
  succeeded(known: KnownPlace): void {
    known.failures = 0
    known.restsUntil = 0
  }

  /** Notes that a part was not what its digest says. */
  sentDamaged(known: KnownPlace, part: Part): void {
    known.bad.set(part.number, (known.bad.get(part.number) ?? 0) + 1)
    if (this.hasOther(known)) known.restsUntil = Date.now() + REST_MS
  }

  #lastWord(): Error {
    const errors = this.#all.map(({ ended }) => ended as RemoteFailed)
    if (errors.length === 0)
      return new RemoteFailed('not-found', `${this.#file.subject}: no address`)
    // Who has it but does not give it says more than who does not have it.
    return errors.find(({ fault }) => fault === 'denied') ?? (errors[0] as RemoteFailed)
  }

  #damaged(part: Part): DigestMismatch {
    const names = this.#all.map(({ place }) => place.name).join(', ')
    return new DigestMismatch(
      `${this.#file.subject} is damaged at ${names}: bytes ${part.start} to ${part.end} are not what their digest says`,
    )
  }
}
