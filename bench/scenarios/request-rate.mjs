// Requests a second over kept connections, for scenarios that compare one answer of several servers. Servers have one core, wrk has the other.
import { CONNECTIONS, wrk } from '../load/wrk.mjs'
import { expectation, guarded } from '../measure/guard.mjs'
import { inTurn } from '../measure/run-scenario.mjs'
import { CLIENT_CORE } from '../places.mjs'

/**
 * Measures all sides once.
 *
 * @param urls - side → URL; all must answer `body`
 */
export async function requestRates({ urls, body, measure, seconds }, note, round) {
  const expected = expectation(body)
  for (const side of inTurn(Object.keys(urls), round)) {
    const url = urls[side]
    const counted = await guarded([{ url, expected }], CONNECTIONS, () =>
      wrk(url, { seconds, core: CLIENT_CORE }),
    )
    note(measure, side, counted.requests / counted.seconds)
  }
}
