/** Sends a range of a file to a socket: reads ahead into lent buffers, which come back when the socket has really written them. */
import { read } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { ShortRead } from '../domain/errors.ts'
import { type LentBuffer, ReadBuffers } from './read-buffers.ts'
import { ReadTurns } from './read-turns.ts'
import { PacedSize, type SendingShare } from './sending-share.ts'
import type { ByteRange } from './store.ts'

/** Where the bytes go: `written` is called when nobody needs the chunk any more, with an error when it takes no more; never, if that cannot be known. */
interface Sink {
  write(chunk: Buffer, written: (error?: Error | null) => void): unknown
}

/** What a sender is told about its surroundings, and what it tells. */
export interface SenderOptions {
  readonly file: FileHandle
  /** For messages. */
  readonly path: string
  readonly range: ByteRange
  readonly sink: Sink
  /** What this stream may hold at the moment. */
  readonly share: () => SendingShare
  /** The last byte was handed to the sink. */
  readonly ended: () => void
  /** A read failed; nothing more will be handed to the sink. */
  readonly failed: (error: Error) => void
  readonly buffers?: ReadBuffers
  readonly turns?: ReadTurns
}

/** A part of the range, on its way from the file. */
interface Load {
  readonly lent: LentBuffer
  readonly start: number
  readonly length: number
  filled: number
}

const buffers = new ReadBuffers()
const turns = new ReadTurns()

/** See the head of this file. It neither closes the file nor ends the sink. */
export class FileSender {
  readonly #options: SenderOptions
  readonly #buffers: ReadBuffers
  readonly #turns: ReadTurns
  readonly #pace = new PacedSize()
  /** In the order of the file; reads may end in another one. */
  readonly #loads: Load[] = []
  #position: number
  #reading = 0
  #writing = 0
  #stopped = false
  #idle: (() => void) | undefined

  constructor(options: SenderOptions) {
    this.#options = options
    this.#buffers = options.buffers ?? buffers
    this.#turns = options.turns ?? turns
    this.#position = options.range.start
    this.#ask()
  }

  /** Hands nothing more to the sink; resolved when no read is under way, so that the file may be closed. */
  async stop(): Promise<void> {
    this.#halt()
    if (this.#reading === 0) return
    await new Promise<void>(done => {
      this.#idle = done
    })
  }

  #halt(): void {
    this.#stopped = true
    this.#turns.withdraw(this.#begin)
    // What was read and not handed on was seen by no socket.
    for (const load of this.#loads) if (load.filled === load.length) load.lent.giveBack()
    this.#loads.length = 0
  }

  #ask(): void {
    if (this.#stopped || this.#position >= this.#options.range.end) return
    const held = this.#loads.length + this.#writing
    if (held < this.#options.share().depth) this.#turns.ask(this.#begin)
  }

  /** Begins to read the next part; it is this stream's turn. */
  readonly #begin = (): void => {
    const size = this.#pace.within(this.#options.share())
    const length = Math.min(size, this.#options.range.end - this.#position)
    const load = { lent: this.#buffers.lend(size), start: this.#position, length, filled: 0 }
    this.#loads.push(load)
    this.#position += length
    this.#reading += 1
    this.#fill(load)
    this.#ask()
  }

  #fill(load: Load): void {
    const { lent, start, length, filled } = load
    const { fd } = this.#options.file
    read(fd, lent.bytes, filled, length - filled, start + filled, (error, count) => {
      load.filled += count ?? 0
      const failure = error ?? (count === 0 ? this.#short(load) : undefined)
      if (failure === undefined && load.filled < length && !this.#stopped) this.#fill(load)
      else this.#settle(load, failure)
    })
  }

  #short({ start, filled }: Load): ShortRead {
    return new ShortRead(this.#options.path, start + filled, this.#options.range.end)
  }

  /** A read has ended: its thread is for the next one, its bytes for the sink. */
  #settle(load: Load, failure: Error | undefined): void {
    this.#reading -= 1
    if (this.#stopped || failure !== undefined) load.lent.giveBack()
    if (failure !== undefined && !this.#stopped) {
      this.#halt()
      this.#options.failed(failure)
    }
    this.#handOn()
    this.#turns.end()
    if (this.#reading === 0) this.#idle?.()
  }

  #handOn(): void {
    for (;;) {
      const load = this.#loads[0]
      if (load === undefined || load.filled < load.length) return
      this.#loads.shift()
      this.#write(load)
      if (this.#loads.length === 0 && this.#position >= this.#options.range.end) {
        this.#stopped = true
        this.#options.ended()
      }
    }
  }

  #write({ lent, length }: Load): void {
    const began = performance.now()
    this.#writing += 1
    this.#options.sink.write(lent.bytes.subarray(0, length), error => {
      lent.giveBack()
      this.#writing -= 1
      this.#pace.took(performance.now() - began)
      // Whoever owns the sink hears of it too, and destroys the stream.
      if (error) this.#halt()
      this.#ask()
    })
  }
}
