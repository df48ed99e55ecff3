/** The memory that files are packed in: so much and no more, however large the files are and however many are packed at a time. */
import { SEGMENT_PACKED, SEGMENT_PLAIN } from './segment-size.ts'

/** Memory of one segment; all threads see the same bytes. */
export interface Segment {
  /** Where the bytes of a file are read to. */
  readonly plain: Buffer
  /** Where their blocks are put. */
  readonly packed: Buffer
}

/** A fixed number of segments; who finds none free waits for his turn. */
export class SegmentMemory {
  /** Segments at most. */
  readonly most: number
  readonly #free: Segment[] = []
  readonly #waiting: ((segment: Segment) => void)[] = []
  #made = 0

  constructor(most: number) {
    this.most = most
  }

  /** Segments that exist: memory is asked for when it is needed first. */
  get made(): number {
    return this.#made
  }

  /** A segment that nobody else has until it is given back. */
  async take(): Promise<Segment> {
    const free = this.#free.pop()
    if (free !== undefined) return free
    if (this.#made < this.most) {
      this.#made += 1
      return segment()
    }
    return new Promise(done => this.#waiting.push(done))
  }

  /** Gives a segment back; no thread may read or write it any more. */
  give(segment: Segment): void {
    const next = this.#waiting.shift()
    if (next === undefined) this.#free.push(segment)
    else next(segment)
  }
}

function segment(): Segment {
  const memory = new SharedArrayBuffer(SEGMENT_PLAIN + SEGMENT_PACKED)
  return {
    plain: Buffer.from(memory, 0, SEGMENT_PLAIN),
    packed: Buffer.from(memory, SEGMENT_PLAIN, SEGMENT_PACKED),
  }
}
