/**
 * When a download is complete: the rule that counts pulls, and not requests.
 *
 * - Bytes are merged over answers: eight segments, or a beginning and its continuation, are one download once they cover the whole archive.
 * - refgenie asks for every archive twice, drops the first answer once it has read the headers, and keeps the second. Of a small archive the
 *   first answer has gone out before it is dropped, so nothing on the wire tells the two apart. Answers to such a client that lie close
 *   together are therefore counted in pairs: at most one download for two that were begun, and never more than have arrived. That sum
 *   does not depend on their order, so several servers may each see some of them.
 */
import { coversAll, type Interval, mergedIntervals } from './byte-intervals.ts'

/** What one client has got of one archive so far, and equally what one more answer adds to it. */
export interface DownloadProgress {
  /** Bytes of the whole. */
  readonly size: number
  /** Bytes that have arrived. */
  readonly covered: readonly Interval[]
  /** Answers with the whole archive to a client that asks twice, and how many of them have arrived. */
  readonly begun: number
  readonly arrived: number
  /** When the first of it began and the last of it ended, ms since 1970. */
  readonly beganAt: number
  readonly endedAt: number
}

/** A part of a download that waits to be merged with the rest. */
export interface DownloadPart {
  /** Names of the client, today's first: what began yesterday goes on under yesterday's. They tell nothing about the client. */
  readonly clients: readonly string[]
  /** md5 of the archive, as catalogued. */
  readonly archive: string
  /** Which form of it: each has bytes of its own. */
  readonly view: string
  /** UTC day that it counts for, `YYYY-MM-DD`. */
  readonly day: string
  readonly progress: DownloadProgress
}

/** Names what the progress of a client is kept under. */
export interface ProgressKey {
  readonly client: string
  readonly archive: string
  readonly view: string
}

// The second request of refgenie follows at once; this leaves room for slow lines and for clocks of servers that differ.
const PAIR_MS = 30_000

/**
 * Adds to the progress of a client.
 *
 * @returns the progress from now on (undefined when nothing is left to remember) and how many downloads this has completed
 */
export function advance(
  before: DownloadProgress | undefined,
  more: DownloadProgress,
): { after: DownloadProgress | undefined; downloads: number } {
  const covered = mergedIntervals([...(before?.covered ?? []), ...more.covered])
  const { size } = more
  const complete = coversAll(covered, size)
  const near = before !== undefined && more.beganAt - before.endedAt <= PAIR_MS
  const paired = near ? before : NOTHING
  const begun = paired.begun + more.begun
  const arrived = paired.arrived + more.arrived
  const pairs = pulls(begun, arrived) - pulls(paired.begun, paired.arrived)
  const downloads = pairs + (complete ? 1 : 0)
  if ((complete || covered.length === 0) && begun === 0) return { after: undefined, downloads }
  const after = {
    size,
    covered: complete ? [] : covered,
    begun,
    arrived,
    beganAt: Math.min(before?.beganAt ?? more.beganAt, more.beganAt),
    endedAt: Math.max(before?.endedAt ?? more.endedAt, more.endedAt),
  }
  return { after, downloads }
}

/**
 * Merges parts into what is known of their clients.
 *
 * @param known - by {@link progressKey}; it is changed
 * @param each - told of the downloads that a part has completed
 */
export function mergeParts(
  known: Map<string, DownloadProgress>,
  parts: readonly DownloadPart[],
  each: (part: DownloadPart, downloads: number) => void,
): void {
  for (const part of parts) {
    const keys = part.clients.map(client => progressKey({ ...part, client }))
    const key = keys.find(name => known.has(name)) ?? (keys[0] as string)
    const { after, downloads } = advance(known.get(key), part.progress)
    known.delete(key)
    if (after !== undefined) known.set(key, after)
    if (downloads > 0) each(part, downloads)
  }
}

/** The key as one text. */
export function progressKey({ client, archive, view }: ProgressKey): string {
  return `${client}\n${archive}\n${view}`
}

const NOTHING = { begun: 0, arrived: 0 }

/** Downloads among answers that come in pairs. */
function pulls(begun: number, arrived: number): number {
  return Math.min(arrived, Math.ceil(begun / 2))
}
