/** An answer on its way to a client: what really left, and whether anybody is still there. */
import type { OutgoingHttpHeaders, ServerResponse } from 'node:http'
import { setTimeout as wait } from 'node:timers/promises'

/** See the head of this file. */
export class Wire {
  /** Bytes of the body that were handed to the kernel. */
  sent = 0
  /** Called with each of them, at once. */
  readonly #onSent: (bytes: number) => void
  readonly #response: ServerResponse
  readonly #gone: Promise<false>
  #isOpen = true

  constructor(response: ServerResponse, onSent: (bytes: number) => void = () => {}) {
    this.#onSent = onSent
    this.#response = response
    response.on('error', () => {})
    this.#gone = new Promise(done =>
      response.once('close', () => {
        this.#isOpen = false
        done(false)
      }),
    )
  }

  /** False once the client, or we, have closed. */
  get isOpen(): boolean {
    return this.#isOpen
  }

  head(status: number, headers: OutgoingHttpHeaders): void {
    this.#response.writeHead(status, headers)
    this.#response.flushHeaders()
  }

  /** False when the client has gone before the bytes left. */
  async write(chunk: Buffer): Promise<boolean> {
    if (chunk.length === 0 || !this.#isOpen) return this.#isOpen
    const written = new Promise<boolean>(done =>
      this.#response.write(chunk, error => done(error === undefined || error === null)),
    )
    const left = await Promise.race([written, this.#gone])
    if (!left) return false
    this.sent += chunk.length
    this.#onSent(chunk.length)
    return true
  }

  /** Ends in good order; false when the client has gone before. */
  async end(): Promise<boolean> {
    if (!this.#isOpen) return false
    return Promise.race([
      new Promise<true>(done => this.#response.end(() => done(true))),
      this.#gone,
    ])
  }

  /** Waits; false when the client has gone meanwhile. */
  async hold(ms: number): Promise<boolean> {
    const over = new AbortController()
    const waited = wait(ms, true, { signal: over.signal }).catch(() => false)
    const stayed = await Promise.race([waited, this.#gone])
    over.abort()
    return stayed && this.#isOpen
  }

  /** Closes the connection; true when it was open until now. */
  cut(): boolean {
    const was = this.#isOpen
    this.#response.socket?.destroy()
    return was
  }

  /** Closes the connection with a reset; true when it was open until now. */
  reset(): boolean {
    const was = this.#isOpen
    this.#response.socket?.resetAndDestroy()
    return was
  }
}
