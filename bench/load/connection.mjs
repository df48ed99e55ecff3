// One kept connection that reads answers into a buffer that exists already: no stream, no copy, nothing that would limit a server before the kernel does.
import { connect } from 'node:net'
import { parseHead, requestText } from './http-head.mjs'

// Larger ones gain nothing over loopback; smaller ones cost a wake-up more often.
const READ_BYTES = 512 * 1024
const MAX_HEAD = 16 * 1024
// An answer that stands still so long never ends.
const SILENCE_MS = 60_000
// All connections of a process share it: what is in it is looked at before the next read.
const buffer = Buffer.allocUnsafeSlow(READ_BYTES)

/** An answer that is not what it must be. */
export class WrongAnswer extends Error {}

/** A connection to 127.0.0.1:port that asks for one path. */
export class Connection {
  #socket
  #target
  #wanted
  #head = ''
  #left
  #at = 0
  #settle
  #broken
  /** Bytes of bodies so far. */
  bytes = 0
  /** Whole answers so far. */
  answers = 0

  /** @param target - `{ port, path, size, check }`: size of the whole file; `check(offset, chunk)` throws when bytes are wrong */
  constructor(target) {
    this.#target = target
  }

  /** Opens it. */
  open() {
    return new Promise((done, failed) => {
      const callback = length => {
        try {
          this.#take(buffer.subarray(0, length))
        } catch (error) {
          this.#socket.destroy(error)
        }
        return true
      }
      this.#socket = connect({
        port: this.#target.port,
        host: '127.0.0.1',
        noDelay: true,
        onread: { buffer, callback },
      })
      const end = error => {
        const settle = this.#settle
        this.#settle = undefined
        const reason =
          error ??
          this.#broken ??
          new WrongAnswer(`${this.#target.path} ends after ${this.#at} bytes`)
        this.#broken = reason
        settle?.failed(reason)
        failed(reason)
      }
      this.#socket
        .once('connect', done)
        .once('error', end)
        .once('close', () => end())
      this.#socket.setTimeout(SILENCE_MS, () =>
        this.#socket.destroy(new WrongAnswer(`${this.#target.path} does not go on`)),
      )
    })
  }

  /** Asks for all, or for `{ start, end }` (end exclusive); resolves when the last byte was read and found right. */
  async get(range) {
    if (this.#broken !== undefined) throw this.#broken
    const { port, path, size } = this.#target
    this.#wanted = range
    this.#at = range?.start ?? 0
    this.#left = undefined
    this.#head = ''
    const headers = range && { Range: `bytes=${range.start}-${range.end - 1}` }
    await new Promise((done, failed) => {
      this.#settle = { done, failed, length: range ? range.end - range.start : size }
      this.#socket.write(requestText(port, path, headers))
    })
  }

  /** Lets go. */
  close() {
    this.#settle = undefined
    this.#socket.destroy()
  }

  #take(chunk) {
    if (this.#settle === undefined) throw new WrongAnswer('bytes that nobody has asked for')
    const body = this.#left === undefined ? this.#afterHead(chunk) : chunk
    if (body === undefined) return
    if (body.length > this.#left) throw new WrongAnswer('more bytes than promised')
    if (body.length > 0) this.#target.check(this.#at, body)
    this.#at += body.length
    this.#left -= body.length
    this.bytes += body.length
    if (this.#left > 0) return
    this.answers += 1
    const { done } = this.#settle
    this.#settle = undefined
    done()
  }

  /** What follows the head in a chunk; undefined while the head is not whole. */
  #afterHead(chunk) {
    const before = this.#head.length
    this.#head += chunk.subarray(0, MAX_HEAD).latin1Slice()
    const end = this.#head.indexOf('\r\n\r\n')
    if (end === -1) {
      if (this.#head.length > MAX_HEAD) throw new WrongAnswer('a head without an end')
      return undefined
    }
    this.#demandHead(parseHead(this.#head.slice(0, end)))
    return chunk.subarray(end + 4 - before)
  }

  #demandHead({ status, length, range }) {
    const { path, size } = this.#target
    const wanted = this.#wanted
    const isRight =
      length === this.#settle.length &&
      (wanted === undefined
        ? status === 200
        : status === 206 && range === `bytes ${wanted.start}-${wanted.end - 1}/${size}`)
    if (!isRight) {
      throw new WrongAnswer(
        `${path} answers ${status}, length ${length}, range ${range}; ${this.#settle.length} bytes were asked for`,
      )
    }
    this.#left = length
  }
}
