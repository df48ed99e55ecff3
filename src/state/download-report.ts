/** Download counts as they are shown, over HTTP and on the command line alike. */
import { type CatalogueEntry, registryPathOf } from '../domain/catalogue.ts'
import { csvText } from '../domain/csv-text.ts'
import type { DayWindow, DownloadDay, DownloadNumbers } from './download-store.ts'

/** Where numbers come from. */
export interface NumberSource {
  sums(window: DayWindow): Promise<ReadonlyMap<string, DownloadNumbers>>
  days(archives: readonly string[], window: DayWindow): Promise<readonly DownloadDay[]>
}

/** An archive that may be shown. */
export interface CountedArchive {
  /** md5. */
  readonly archive: string
  /** Of the first tag that has it; undefined where no config says so. */
  readonly registryPath?: string
}

/** Archives in the order in which they are shown, each once. */
export interface CountedArchives {
  readonly list: readonly CountedArchive[]
  /** Their md5s. */
  readonly digests: ReadonlySet<string>
}

/** Which part of the numbers. */
export interface ReportQuery extends DayWindow {
  /** Archives to leave out first. */
  readonly offset: number
  /** Largest number of archives. */
  readonly limit: number
}

/** Numbers of one day, UTC. */
interface ReportedDay extends DownloadNumbers {
  readonly day: string
}

/** Numbers of one archive, all together and by day. */
interface ReportedArchive extends DownloadNumbers {
  readonly registry_path: string | null
  readonly archive: string
  readonly days: readonly ReportedDay[]
}

/** What was downloaded. */
export interface DownloadReport {
  readonly since: string | null
  readonly until: string | null
  /** Over all archives, those of other pages too. */
  readonly totals: DownloadNumbers
  readonly items: readonly ReportedArchive[]
  readonly total: number
  readonly offset: number
  readonly limit: number
}

/** The archives of some tags, each once, in the order of the tags. */
export function countedArchives(entries: Iterable<CatalogueEntry>): CountedArchives {
  const archives = new Map<string, CountedArchive>()
  for (const entry of entries) {
    const archive = entry.tag.archiveDigest
    if (archives.has(archive)) continue
    archives.set(archive, { archive, registryPath: registryPathOf(entry) })
  }
  return asCounted([...archives.values()])
}

/** Archives that are named each once. */
export function asCounted(list: readonly CountedArchive[]): CountedArchives {
  return { list, digests: new Set(list.map(({ archive }) => archive)) }
}

/**
 * What was downloaded of some archives; others are in no number of it.
 *
 * @throws StateUnavailable
 */
export async function downloadReport(
  source: NumberSource,
  { list, digests }: CountedArchives,
  { offset, limit, ...window }: ReportQuery,
): Promise<DownloadReport> {
  const sums = await source.sums(window)
  const shown = list.slice(offset, offset + limit)
  const days = new Map<string, ReportedDay[]>(shown.map(({ archive }) => [archive, []]))
  for (const { archive, ...day } of await source.days([...days.keys()], window)) {
    days.get(archive)?.push(day)
  }
  const totals = { downloads: 0, bytes: 0 }
  // What was downloaded is less than what is there.
  for (const [archive, { downloads, bytes }] of sums) {
    if (!digests.has(archive)) continue
    totals.downloads += downloads
    totals.bytes += bytes
  }
  return {
    since: window.since ?? null,
    until: window.until ?? null,
    totals,
    items: shown.map(({ archive, registryPath }) => ({
      registry_path: registryPath ?? null,
      archive,
      ...(sums.get(archive) ?? NONE),
      days: days.get(archive) as ReportedDay[],
    })),
    total: list.length,
    offset,
    limit,
  }
}

const COLUMNS = ['day', 'registry_path', 'archive', 'downloads', 'bytes']

/** A report as CSV: one row for each archive and day. */
export function reportCsv({ items }: DownloadReport): string {
  const rows = items.flatMap(({ registry_path, archive, days }) =>
    days.map(({ day, downloads, bytes }) => [
      day,
      registry_path ?? '',
      archive,
      String(downloads),
      String(bytes),
    ]),
  )
  return csvText(COLUMNS, rows)
}

const NONE: DownloadNumbers = { downloads: 0, bytes: 0 }
