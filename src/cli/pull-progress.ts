/** How far a pull is: bytes of each asset and of all, rate, time that is left. */
import type { PullEvent } from '../client/pull-events.ts'

/** How far one asset is. Bytes. */
export interface AssetProgress {
  readonly subject: string
  readonly total: number
  /** In place or on their way; those that must come again do not count. */
  done: number
  received: number
  resumed: number
  retried: number
  /** So much of the whole digest is compared. */
  hashed: number
}

// The rate is that of the last seconds: what was a minute ago says little.
const WINDOW_MS = 8000

/** See the head of this file. */
export class PullProgress {
  readonly open = new Map<string, AssetProgress>()
  assets = 0
  /** Assets that are done, were there, or failed. */
  ended = 0
  total = 0
  done = 0
  retried = 0
  /** Bytes of assets that failed. */
  readonly lost = { received: 0, resumed: 0, retried: 0 }
  readonly #samples: { readonly at: number; readonly received: number }[] = []
  #received = 0

  /** Takes an event. */
  take(event: PullEvent): void {
    if (event.event === 'planned') {
      this.assets = event.assets
      this.total = event.bytes
    } else if (event.event === 'begin') {
      const { subject, bytes: total } = event
      const nothing = { done: 0, received: 0, resumed: 0, retried: 0, hashed: 0 }
      this.open.set(subject, { subject, total, ...nothing })
    } else if (event.event === 'done') this.#end(event.subject)
    else if (event.event === 'failed') this.#fail(event.subject)
    else if ('subject' in event) this.#move(event)
  }

  /** Bytes a second of late. */
  rate(now = Date.now()): number {
    this.#samples.push({ at: now, received: this.#received })
    while (now - (this.#samples[0]?.at ?? now) > WINDOW_MS) this.#samples.shift()
    const [first] = this.#samples
    const ms = first === undefined ? 0 : now - first.at
    return first === undefined || ms < 1 ? 0 : ((this.#received - first.received) * 1000) / ms
  }

  /** Seconds that are left at a rate; undefined when nobody can tell. */
  secondsLeft(rate: number): number | undefined {
    return rate < 1 ? undefined : Math.ceil(Math.max(0, this.total - this.done) / rate)
  }

  #fail(subject: string): void {
    const asset = this.open.get(subject)
    this.lost.received += asset?.received ?? 0
    this.lost.resumed += asset?.resumed ?? 0
    this.lost.retried += asset?.retried ?? 0
    this.#end(subject)
  }

  #end(subject: string): void {
    this.ended += 1
    const asset = this.open.get(subject)
    if (asset === undefined) return
    this.done += asset.total - asset.done
    this.open.delete(subject)
  }

  #move(event: Extract<PullEvent, { readonly subject: string; readonly bytes: number }>): void {
    const asset = this.open.get(event.subject)
    if (asset === undefined) return
    const { bytes } = event
    if (event.event === 'received') {
      asset.received += bytes
      this.#received += bytes
      this.#add(asset, bytes)
    } else if (event.event === 'resumed') {
      asset.resumed += bytes
      this.#add(asset, bytes)
    } else if (event.event === 'hashed') asset.hashed += bytes
    else if (event.event === 'retried') {
      asset.retried += bytes
      this.retried += bytes
      this.#add(asset, -bytes)
    }
  }

  #add(asset: AssetProgress, bytes: number): void {
    const before = asset.done
    asset.done = Math.min(asset.total, Math.max(0, asset.done + bytes))
    this.done += asset.done - before
  }
}

/** A time as people read it: `7s`, `3m 20s`, `2h 5m`; `?` when nobody can tell. */
export function formatSeconds(seconds: number | undefined): string {
  if (seconds === undefined) return '?'
  if (seconds < 60) return `${seconds}s`
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m ${seconds % 60}s`
  return `${Math.floor(seconds / 3600)}h ${Math.floor((seconds % 3600) / 60)}m`
}
