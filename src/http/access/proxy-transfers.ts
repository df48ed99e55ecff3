/**
 * Transfers that a front proxy carries out in our place, until it has told what it has sent.
 *
 * Each gets a random name, which only the proxy learns. When the answer has ended the proxy writes a line with the name into its log, and
 * sends that to us (docs/performance.md). A report may get lost: then the slot of the client is given back after an hour, and nothing is
 * counted.
 */
import { randomBytes } from 'node:crypto'

/** What is to be done about a transfer that somebody else carries out. */
export interface WatchedTransfer {
  /** Bytes of the whole body. */
  readonly bodyBytes: number
  /** Told once, when it has ended. */
  done(bodySent: number, whole: boolean): void
  /** Gives back what it holds while it runs; it may still end later. */
  release(): void
}

/** How long things are kept, for tests. */
export interface ProxyPatience {
  /** When a transfer of which nothing was heard holds no slot any more, in ms. */
  readonly slotMs: number
  /** When it is forgotten, in ms. */
  readonly forgetMs: number
  readonly sweepMs: number
  /** More than these at a time are forgotten, the oldest first. */
  readonly most: number
}

const PATIENCE: ProxyPatience = {
  slotMs: 3_600_000,
  // Downloads of terabytes take long.
  forgetMs: 3 * 86_400_000,
  sweepMs: 60_000,
  most: 100_000,
}

const REPORT =
  /\btransfer=(?<name>[0-9a-f]{32}) sent=(?<sent>\d{1,15}) status=(?<status>\d{3}) complete=(?<complete>OK)?/

interface Running extends WatchedTransfer {
  readonly since: number
  released: boolean
}

/** Keeps them; see the head of this file. */
export class ProxyTransfers {
  readonly #running = new Map<string, Running>()
  readonly #patience: ProxyPatience
  readonly #onSilence: () => void
  readonly #timer: NodeJS.Timeout
  #heard = false
  #told = false

  /** @param onSilence - told once when no proxy has ever reported anything although it should have */
  constructor(onSilence: () => void, patience: Partial<ProxyPatience> = {}) {
    this.#onSilence = onSilence
    this.#patience = { ...PATIENCE, ...patience }
    this.#timer = setInterval(() => this.#sweep(), this.#patience.sweepMs)
    this.#timer.unref()
  }

  /** Begins to wait for the report of a transfer; answers its name. */
  begin(transfer: WatchedTransfer): string {
    const name = randomBytes(16).toString('hex')
    this.#running.set(name, { ...transfer, since: Date.now(), released: false })
    if (this.#running.size > this.#patience.most) this.#forget(this.#running.keys().next().value)
    return name
  }

  /** Takes a line of the log of a proxy; what names no transfer of ours is left alone. */
  report(line: string): void {
    const { name = '', sent, status, complete } = REPORT.exec(line)?.groups ?? {}
    const transfer = this.#running.get(name)
    if (transfer === undefined) return
    this.#heard = true
    // Another status means an error page of the proxy: of the file it has sent nothing.
    const isData = status === '200' || status === '206'
    const bytes = isData ? Math.min(transfer.bodyBytes, Number(sent)) : 0
    const whole = isData && complete !== undefined && bytes === transfer.bodyBytes
    this.end(name, bytes, whole)
  }

  /** Ends a transfer; nothing happens when it has ended already. */
  end(name: string, bodySent: number, whole: boolean): void {
    const transfer = this.#running.get(name)
    this.#running.delete(name)
    transfer?.done(bodySent, whole)
  }

  /** Waits for nothing any more: what the proxy sends from now on is not counted. */
  close(): void {
    clearInterval(this.#timer)
    for (const name of [...this.#running.keys()]) this.#forget(name)
  }

  #sweep(): void {
    const { slotMs, forgetMs } = this.#patience
    for (const [name, transfer] of this.#running) {
      const age = Date.now() - transfer.since
      // They stand in the order of time.
      if (age < slotMs) return
      this.#tellSilence()
      if (age >= forgetMs) this.#forget(name)
      else if (!transfer.released) {
        transfer.released = true
        transfer.release()
      }
    }
  }

  #tellSilence(): void {
    if (this.#heard || this.#told) return
    this.#told = true
    this.#onSilence()
  }

  #forget(name: string | undefined): void {
    const transfer = this.#running.get(name ?? '')
    this.#running.delete(name ?? '')
    transfer?.release()
  }
}
