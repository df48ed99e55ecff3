/** Names of clients that tell nothing about them: keyed hashes with a key of its own for each day. */
import { createHmac, randomBytes } from 'node:crypto'
import type { State } from '../../state/open-state.ts'

const KEY_BYTES = 32
const KEY_NAME = 'downloads'
const DAY_MS = 86_400_000

/** Makes the names. */
export class DownloadNames {
  // Until the state was reached once, names are good for this process only; what began under them goes on under them.
  #keys: Buffer[] = [randomBytes(KEY_BYTES)]
  #isShared = false
  #isUsed = false

  /** Takes the key of the state, so that all servers that share it give a client the same name. */
  async shareKey(state: State): Promise<void> {
    if (this.#isShared) return
    const shared = await state.key(KEY_NAME)
    this.#keys = this.#isUsed ? [shared, ...this.#keys] : [shared]
    this.#isShared = true
  }

  /** The names of a client on a day, then those on the day before: a download may go on over midnight. */
  of(asker: string, day: string): string[] {
    this.#isUsed = true
    const before = dayOf(Date.parse(day) - DAY_MS)
    return [day, before].flatMap(date =>
      this.#keys.map(key => {
        const ofDay = createHmac('sha256', key).update(date).digest()
        return createHmac('sha256', ofDay).update(asker).digest('base64url')
      }),
    )
  }
}

// Thousands of answers a second end on the same day.
let lastDay = { number: Number.NaN, text: '' }

/** The UTC day of a time in ms since 1970, `YYYY-MM-DD`. */
export function dayOf(at: number): string {
  const number = Math.floor(at / DAY_MS)
  if (lastDay.number !== number) lastDay = { number, text: new Date(at).toISOString().slice(0, 10) }
  return lastDay.text
}
