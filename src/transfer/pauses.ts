/** Pauses between attempts: doubled each time, of random length so that many clients do not come back at once. */
import { setTimeout as wait } from 'node:timers/promises'
import { RemoteFailed } from '../domain/transfer-errors.ts'

const MOST_MS = 30_000

/**
 * Waits before another attempt: as long as the server asks for, else `first`, twice that, and so on.
 *
 * @param attempt - number of the attempt that failed, from 0
 * @throws the reason of the signal
 */
export async function pauseBefore(
  attempt: number,
  first: number,
  error: unknown,
  signal?: AbortSignal,
): Promise<void> {
  const asked = error instanceof RemoteFailed ? error.retryAfterMs : undefined
  const own = Math.min(MOST_MS, first * 2 ** attempt) * (0.5 + Math.random() / 2)
  await wait(Math.max(asked ?? 0, own), undefined, signal === undefined ? {} : { signal })
}
