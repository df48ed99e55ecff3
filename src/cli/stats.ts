/** `refdepot stats`: prints download counts. */
import { selectTags } from '../archive/archive-target.ts'
import { findServerConfig } from '../archive/server-config.ts'
import { SettingInvalid } from '../config/config-error.ts'
import { formatSize } from '../domain/human-size.ts'
import {
  asCounted,
  type CountedArchives,
  countedArchives,
  type DownloadReport,
  downloadReport,
  type NumberSource,
  reportCsv,
} from '../state/download-report.ts'
import type { DayWindow } from '../state/download-store.ts'
import { EXIT } from './exit-codes.ts'
import { type StateFlags, withPresentState } from './state-flags.ts'
import { tableText } from './table.ts'

/** Flags of `stats`. */
export interface StatsFlags extends StateFlags {
  readonly since?: string
  readonly until?: string
  readonly json?: boolean
  readonly csv?: boolean
}

const COLUMNS = ['Asset', 'Digest', 'Downloads', 'Sent']

/** Prints the numbers of everything that is archived; without a config those of every archive that was ever counted. */
export async function runStats(flags: StatsFlags): Promise<number> {
  const window = windowOf(flags)
  const report = await withPresentState(flags, async state => {
    const numbers = state?.downloads ?? NOTHING_COUNTED
    const archives = await archivesOf(flags, numbers)
    return downloadReport(numbers, archives, { ...window, offset: 0, limit: archives.list.length })
  })
  process.stdout.write(textOf(report, flags))
  return EXIT.ok
}

async function archivesOf(flags: StatsFlags, numbers: NumberSource): Promise<CountedArchives> {
  const { config = '', archiveFolder } = flags
  if (config === '') {
    const counted = await numbers.sums({})
    return asCounted([...counted.keys()].sort().map(archive => ({ archive })))
  }
  const { config: read } = await findServerConfig(config, archiveFolder)
  return countedArchives(selectTags(read.genomes, []).filter(({ tag }) => tag.archived))
}

function textOf(report: DownloadReport, flags: StatsFlags): string {
  if (flags.json === true) return `${JSON.stringify(report, null, 2)}\n`
  if (flags.csv === true) return reportCsv(report)
  const { items, totals } = report
  const cells = (asset: string, digest: string, numbers: DownloadReport['totals']) => [
    asset,
    digest,
    String(numbers.downloads),
    formatSize(numbers.bytes),
  ]
  const rows = items.map(item => cells(item.registry_path ?? '-', item.archive, item))
  return tableText(COLUMNS, [...rows, cells('all together', '', totals)])
}

function windowOf({ since, until }: StatsFlags): DayWindow {
  for (const [name, day] of Object.entries({ since, until })) {
    if (day !== undefined && !isDay(day)) {
      throw new SettingInvalid(`--${name}`, day, 'a day such as 2026-01-31')
    }
  }
  return { ...(since !== undefined && { since }), ...(until !== undefined && { until }) }
}

function isDay(text: string): boolean {
  const date = new Date(`${text}T00:00:00Z`)
  return !Number.isNaN(date.getTime()) && date.toISOString().slice(0, 10) === text
}

const NOTHING_COUNTED: NumberSource = {
  sums: async () => new Map(),
  days: async () => [],
}
