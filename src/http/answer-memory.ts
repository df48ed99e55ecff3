/**
 * Answers that are made once and given out again: serialised, with their ETag, in a fixed number of bytes.
 *
 * An answer belongs to what it was made of (a catalogue, a genome, a tag), and those are other objects for callers who see other things: so
 * none is ever given to somebody it was not made for. What was not asked for since the last look at it goes first.
 */
import type { Blob } from '../storage/blob.ts'
import { offerCodings } from './content-codings.ts'

interface Kept {
  readonly subject: object
  readonly name: string
  readonly blob: Blob
  /** Bytes that it takes, with its compressed forms. */
  readonly weight: number
  /** True when it was asked for since it was last looked at. */
  used: boolean
}

// The lists of 100,000 archives take half of it.
const BUDGET = 192 * 1024 * 1024
// What an answer takes beside its bytes: the objects around them, and its places in the maps.
const OVERHEAD = 1024
// What an answer takes with its compressed forms, in its own bytes.
const WITH_CODINGS = 1.5

/** The answers of one generation; see the head of this file. */
export class AnswerMemory {
  readonly #budget: number
  readonly #bySubject = new Map<object, Map<string, Kept>>()
  /** In the order in which they are looked at. */
  readonly #queue = new Set<Kept>()
  #weight = 0

  /** @param budget - bytes of answers that are kept */
  constructor(budget = BUDGET) {
    this.#budget = budget
  }

  /** Bytes of the answers that are kept, as they are reckoned. */
  get weight(): number {
    return this.#weight
  }

  /**
   * The answer of this name about a subject; `make` runs when it is not there.
   *
   * @param subject - what the answer is made of, and nothing else
   */
  of(subject: object, name: string, make: () => Blob): Blob {
    return this.kept(subject, name) ?? this.keep(subject, name, make())
  }

  /** The answer of this name, if it is there. */
  kept(subject: object, name: string): Blob | undefined {
    const kept = this.#bySubject.get(subject)?.get(name)
    if (kept === undefined) return undefined
    kept.used = true
    return kept.blob
  }

  /** Keeps an answer that is in memory whole, and gives it back. */
  keep(subject: object, name: string, blob: Blob): Blob {
    const forms = offerCodings(blob) ? WITH_CODINGS : 1
    const kept = { subject, name, blob, weight: OVERHEAD + forms * blob.size, used: false }
    this.#drop(this.#bySubject.get(subject)?.get(name))
    let ofSubject = this.#bySubject.get(subject)
    if (ofSubject === undefined) {
      ofSubject = new Map()
      this.#bySubject.set(subject, ofSubject)
    }
    ofSubject.set(name, kept)
    this.#queue.add(kept)
    this.#weight += kept.weight
    this.#makeRoom()
    return blob
  }

  #makeRoom(): void {
    for (const kept of this.#queue) {
      if (this.#weight <= this.#budget || this.#queue.size === 1) return
      if (kept.used) {
        kept.used = false
        // To the end: it has one more turn.
        this.#queue.delete(kept)
        this.#queue.add(kept)
      } else {
        this.#drop(kept)
      }
    }
  }

  #drop(kept: Kept | undefined): void {
    if (kept === undefined) return
    const { subject, name, weight } = kept
    const ofSubject = this.#bySubject.get(subject)
    ofSubject?.delete(name)
    if (ofSubject?.size === 0) this.#bySubject.delete(subject)
    this.#queue.delete(kept)
    this.#weight -= weight
  }
}
