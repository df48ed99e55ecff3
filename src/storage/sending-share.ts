/** How much of a file is in memory for each client: few large buffers for one, small ones for many, so that the sum stays flat. */

/** What one stream may hold. */
export interface SendingShare {
  /** Bytes of a read, a power of two. */
  readonly size: number
  /** Reads that are under way or not sent yet, at most. */
  readonly depth: number
}

// Measured (docs/performance.md): more than this wins nothing, the caches of a core are not larger.
const LARGEST = 512 * 1024
const SMALLEST = 64 * 1024
// All streams of a process together, as long as SMALLEST allows it.
const BUDGET = 16 * 1024 * 1024
// All streams of all processes, where there are several: while one waits for its reads another one sends, and less ahead is enough.
const SHARED_BUDGET = 16 * 1024 * 1024
// Of many processes each may still send to one client at full speed: against the memory of a process this is little.
const LEAST_BUDGET = 4 * LARGEST
// Few streams read further ahead: a thread that is woken late then holds nobody up. Among many, one is read while another is sent.
const FEW = 4
const MANY = 128

// How many processes share the budget: this one does not see the streams of the others.
let processes = 1

/** Tells how many processes the server has that send files. */
export function shareSendingAmong(count: number): void {
  processes = count
}

/** The share of each of so many streams of this process. */
export function sendingShare(streams: number): SendingShare {
  const depth = streams <= FEW ? 4 : streams <= MANY ? 2 : 1
  const budget = processes === 1 ? BUDGET : Math.max(LEAST_BUDGET, SHARED_BUDGET / processes)
  const share = 2 ** Math.floor(Math.log2(budget / (depth * Math.max(streams, 1))))
  return { size: Math.min(LARGEST, Math.max(SMALLEST, share)), depth }
}

// A chunk that is gone sooner than this may be twice as large, one that takes longer than that half as large.
const QUICK_MS = 10
const SLOW_MS = 100

/** The size of the reads of one stream: a client that takes long for a chunk gets, and holds, smaller ones. */
export class PacedSize {
  #size = LARGEST

  /** Bytes of the next read, within the share. */
  within(share: SendingShare): number {
    this.#size = Math.min(share.size, Math.max(SMALLEST, this.#size))
    return this.#size
  }

  /** Tells how long the client took for a chunk. */
  took(ms: number): void {
    if (ms < QUICK_MS) this.#size *= 2
    else if (ms > SLOW_MS) this.#size /= 2
  }
}
