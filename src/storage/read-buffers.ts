/** Buffers for large reads that are used again: fresh memory costs the kernel more than the read itself. */

// What is kept for the next stream once nobody uses it.
const KEPT_BYTES = 8 * 1024 * 1024

/** A buffer that belongs to whoever took it, until it is given back. */
export interface LentBuffer {
  /** As long as asked for; its content is what was there before. */
  readonly bytes: Buffer
  /**
   * Gives it back; twice is harmless. Only for a buffer that neither a read nor a socket still touches:
   * one of which that is not known is forgotten instead, and the garbage collector takes it when nothing refers to it.
   */
  giveBack(): void
}

/** Lends buffers, and lends again what came back. */
export class ReadBuffers {
  readonly #free = new Map<number, Buffer[]>()
  readonly #most: number
  #freeBytes = 0

  /** @param most - bytes that are kept at most while they are not lent */
  constructor(most = KEPT_BYTES) {
    this.#most = most
  }

  /** Bytes that wait here for the next who asks. */
  get freeBytes(): number {
    return this.#freeBytes
  }

  /** Lends a buffer; sizes should be few, since only one of the same size is lent again. */
  lend(size: number): LentBuffer {
    let bytes: Buffer | undefined = this.#reuse(size) ?? Buffer.allocUnsafeSlow(size)
    const lent = bytes
    return {
      bytes: lent,
      giveBack: () => {
        if (bytes === undefined) return
        bytes = undefined
        this.#keep(lent)
      },
    }
  }

  #reuse(size: number): Buffer | undefined {
    const bytes = this.#free.get(size)?.pop()
    if (bytes !== undefined) this.#freeBytes -= size
    return bytes
  }

  #keep(bytes: Buffer): void {
    const size = bytes.length
    if (size > this.#most) return
    // What comes back is what is asked for now: the ones of other sizes go first.
    for (const [other, buffers] of this.#free) {
      while (this.#freeBytes + size > this.#most && buffers.pop()) this.#freeBytes -= other
    }
    const same = this.#free.get(size) ?? []
    this.#free.set(size, same)
    same.push(bytes)
    this.#freeBytes += size
  }
}
