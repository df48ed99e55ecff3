/** Answers with data, sorted into what is counted at once and what must be merged with other answers first. */
import type { Interval } from '../../domain/byte-intervals.ts'
import type { DownloadPart, DownloadProgress } from '../../domain/download-progress.ts'
import type { DownloadDay } from '../../state/download-store.ts'
import type { ByteRange } from '../../storage/store.ts'
import { dayOf } from './download-names.ts'

/** An answer with data of a tag, when it has ended. Whoever has data sent by others and knows what has arrived may note it as well. */
export interface Sent {
  /** md5 of the archive, as catalogued. */
  readonly archive: string
  /** Which form of the archive; undefined for a part or a file of it, of which only the bytes count. */
  readonly view: string | undefined
  /** Address or account of the client, and its program. */
  readonly asker: string
  readonly agent: string
  /** Bytes of the whole form. */
  readonly size: number
  readonly ranges: readonly ByteRange[]
  /** Bytes of the body that were sent. */
  readonly bodySent: number
  /** True when all of them have arrived, as far as that can be known. */
  readonly arrived: boolean
  /** Milliseconds since 1970. */
  readonly beganAt: number
  readonly endedAt: number
}

/** A part with the client as it is; it gets its name when it is merged. */
export interface WaitingPart extends Omit<DownloadPart, 'clients'> {
  readonly asker: string
}

// urllib, which refgenie 0.x downloads with: it opens an archive for its length, and then once more for its bytes (refgenconf,
// _download_url_progress).
const ASKS_TWICE = /^Python-urllib\//

/** Sorts one answer. */
export function sortSent(sent: Sent): { day: DownloadDay; part?: WaitingPart } {
  const { archive, view, size, ranges, arrived, bodySent, beganAt, endedAt } = sent
  const date = dayOf(endedAt)
  const day = { archive, day: date, downloads: 0, bytes: bodySent }
  if (view === undefined) return { day }
  const [first] = ranges
  const whole = first?.start === 0 && first.end === size
  const twice = whole && ASKS_TWICE.test(sent.agent)
  if (whole && arrived && !twice) {
    return { day: { archive, day: date, downloads: 1, bytes: bodySent } }
  }
  const progress: DownloadProgress = {
    size,
    covered: whole && arrived ? [] : coveredBy(sent),
    begun: twice ? 1 : 0,
    arrived: twice && arrived ? 1 : 0,
    beganAt,
    endedAt,
  }
  if (progress.covered.length === 0 && !twice) return { day }
  const asker = `${sent.asker}\n${sent.agent}`
  return { day, part: { asker, archive, view, day: date, progress } }
}

/** What has arrived of the ranges. */
function coveredBy({ ranges, arrived, bodySent }: Sent): Interval[] {
  if (arrived) return ranges.map(({ start, end }) => [start, end])
  const [only, ...more] = ranges
  // How far a body of several parts came is not worth the reckoning.
  if (only === undefined || more.length > 0) return []
  // Everything was sent and yet lost: at least the end of it has not arrived.
  const end = Math.min(only.start + bodySent, only.end - 1)
  return end > only.start ? [[only.start, end]] : []
}
