/** Memory for parts that are on their way: so much for the whole process, taken once and used again. */
import { PART_SIZE } from './part-plan.ts'
import { DEFAULT_JOBS } from './transfer-options.ts'

interface Waiting {
  readonly length: number
  readonly go: (buffer: Buffer) => void
}

// One for each connection of a download, and two for parts that are compared and written meanwhile.
const BUDGET = (DEFAULT_JOBS + 2) * PART_SIZE

/** Lends buffers up to a number of bytes; whoever asks for more waits, in order. */
export class PartBuffers {
  readonly #budget: number
  readonly #free: Buffer[] = []
  readonly #waiting: Waiting[] = []
  #lent = 0

  /** @param budget - bytes that are lent at most; a single larger buffer is lent alone */
  constructor(budget = BUDGET) {
    this.#budget = budget
  }

  /** A buffer of at least so many bytes, with anything in it. Given back by {@link give}. */
  take(length: number): Promise<Buffer> {
    const bytes = sizeFor(length)
    if (this.#waiting.length === 0 && this.#fits(bytes)) return Promise.resolve(this.#lend(bytes))
    return new Promise(go => {
      this.#waiting.push({ length: bytes, go })
    })
  }

  /** Gives a buffer back. */
  give(buffer: Buffer): void {
    this.#lent -= buffer.length
    if (buffer.length === PART_SIZE) this.#free.push(buffer)
    for (let next = this.#waiting[0]; next !== undefined && this.#fits(next.length); ) {
      this.#waiting.shift()
      next.go(this.#lend(next.length))
      next = this.#waiting[0]
    }
  }

  #fits(bytes: number): boolean {
    return this.#lent === 0 || this.#lent + bytes <= this.#budget
  }

  #lend(bytes: number): Buffer {
    this.#lent += bytes
    const known = bytes === PART_SIZE ? this.#free.pop() : undefined
    return known ?? Buffer.allocUnsafeSlow(bytes)
  }
}

/** Small parts take small buffers, parts of the usual size are kept. */
function sizeFor(length: number): number {
  return length > PART_SIZE / 2 && length <= PART_SIZE ? PART_SIZE : length
}

/** The buffers of this process. */
export const BUFFERS = new PartBuffers()
