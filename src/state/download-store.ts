/**
 * Download counts in the state: by archive and day, and what is known of downloads that are not complete.
 *
 * Whole answers are sums and are only added. Parts must be merged, and several servers may each have some of one download: so everybody
 * who merges first writes one and the same row, which both databases let one of them do at a time.
 */
import type { Kysely, Transaction } from 'kysely'
import {
  type DownloadPart,
  type DownloadProgress,
  mergeParts,
  type ProgressKey,
  progressKey,
} from '../domain/download-progress.ts'
import { byCodePoint } from '../domain/text-order.ts'
import { patiently } from './patiently.ts'
import type { PartialDownloadTable, Tables } from './schema.ts'

/** How often an archive was downloaded, and how many bytes of it and of its files were sent. */
export interface DownloadNumbers {
  readonly downloads: number
  readonly bytes: number
}

/** Numbers of one archive on one day. */
export interface DownloadDay extends DownloadNumbers {
  /** md5 of the archive. */
  readonly archive: string
  /** UTC, `YYYY-MM-DD`. */
  readonly day: string
}

/** Days from and to, both with them; what is not given does not matter. */
export interface DayWindow {
  readonly since?: string
  readonly until?: string
}

/** What gathered since the last time. */
export interface DownloadBatch {
  readonly days: readonly DownloadDay[]
  readonly parts: readonly DownloadPart[]
}

// Databases take so many values in a statement at the very least.
const ROWS_AT_ONCE = 100
// Whoever has not finished by then has given up.
const KEPT_MS = 2 * 86_400_000
// Clients can make up names: beyond this the oldest are forgotten.
const MOST_PARTIAL = 100_000
// The row that everybody writes who merges. No client has an empty name.
const TURN = { client: '', archive: '', view: '', progress: '' }

/** The download counts of one state. */
export class DownloadStore {
  readonly #db: Kysely<Tables>

  constructor(db: Kysely<Tables>) {
    this.#db = db
  }

  /** Adds numbers and merges parts, all or nothing. */
  async add(batch: DownloadBatch): Promise<void> {
    await patiently(() =>
      this.#db.transaction().execute(async change => {
        await takeTurn(change)
        const completed = await mergeInto(change, batch.parts)
        await addDays(change, summedDays([...batch.days, ...completed]))
      }),
    )
  }

  /** Sums over all days, by archive. */
  async totals(): Promise<Map<string, DownloadNumbers>> {
    return byArchive(await this.#db.selectFrom('download_totals').selectAll().execute())
  }

  /** Sums over some days, by archive. */
  async sums({ since, until }: DayWindow): Promise<Map<string, DownloadNumbers>> {
    if (since === undefined && until === undefined) return this.totals()
    const rows = await this.#db
      .selectFrom('download_days')
      .select(({ fn }) => [
        'archive',
        fn.sum<number>('downloads').as('downloads'),
        fn.sum<number>('bytes').as('bytes'),
      ])
      .where('day', '>=', since ?? '')
      .where('day', '<=', until ?? '9999-12-31')
      .groupBy('archive')
      .execute()
    return byArchive(rows)
  }

  /** Days of some archives, in the order of time. */
  async days(archives: readonly string[], { since, until }: DayWindow): Promise<DownloadDay[]> {
    const found: DownloadDay[] = []
    for (const some of chunks(archives)) {
      const rows = await this.#db
        .selectFrom('download_days')
        .selectAll()
        .where('archive', 'in', some)
        .where('day', '>=', since ?? '')
        .where('day', '<=', until ?? '9999-12-31')
        .execute()
      for (const row of rows) found.push({ ...row, ...numbersOf(row) })
    }
    return found.sort((a, b) => byCodePoint(a.day, b.day) || byCodePoint(a.archive, b.archive))
  }

  /** Forgets downloads that were given up. */
  async sweep(now = Date.now(), most = MOST_PARTIAL): Promise<void> {
    await patiently(async () => {
      const { oldest } = await this.#db
        .selectFrom(
          this.#db
            .selectFrom('partial_downloads')
            .select('updated_at')
            .orderBy('updated_at', 'desc')
            .limit(most)
            .as('kept'),
        )
        .select(({ fn }) => fn.min('updated_at').as('oldest'))
        .executeTakeFirstOrThrow()
      await this.#db
        .deleteFrom('partial_downloads')
        .where('updated_at', '<', Math.max(Number(oldest ?? 0), now - KEPT_MS))
        .execute()
    })
  }
}

/** Adds up rows of the same archive and day: a statement may touch a row only once. */
export function summedDays(days: readonly DownloadDay[]): DownloadDay[] {
  const sums = new Map<string, DownloadDay>()
  for (const { archive, day, downloads, bytes } of days) {
    const key = `${archive} ${day}`
    const sum = sums.get(key)
    sums.set(key, {
      archive,
      day,
      downloads: downloads + (sum?.downloads ?? 0),
      bytes: bytes + (sum?.bytes ?? 0),
    })
  }
  return [...sums.values()]
}

async function takeTurn(change: Transaction<Tables>): Promise<void> {
  const updated_at = Date.now()
  await change
    .insertInto('partial_downloads')
    .values({ ...TURN, updated_at })
    .onConflict(conflict =>
      conflict.columns(['client', 'archive', 'view']).doUpdateSet({ updated_at }),
    )
    .execute()
}

/** Merges parts with what is known; answers the downloads that are complete now. */
async function mergeInto(
  change: Transaction<Tables>,
  parts: readonly DownloadPart[],
): Promise<DownloadDay[]> {
  const keys = [...new Map(parts.flatMap(keysOf).map(key => [progressKey(key), key])).values()]
  const known = new Map<string, DownloadProgress>()
  for (const some of chunks(keys)) {
    for (const row of await rowsAt(change, some)) {
      known.set(progressKey(row), JSON.parse(row.progress))
    }
    await change
      .deleteFrom('partial_downloads')
      .where(({ or, and }) => or(some.map(key => and({ ...key }))))
      .execute()
  }
  const completed: DownloadDay[] = []
  mergeParts(known, parts, ({ archive, day }, downloads) =>
    completed.push({ archive, day, downloads, bytes: 0 }),
  )
  const updated_at = Date.now()
  const rows = keys.flatMap(key => {
    const progress = known.get(progressKey(key))
    return progress === undefined
      ? []
      : [{ ...key, progress: JSON.stringify(progress), updated_at }]
  })
  for (const some of chunks(rows)) {
    await change.insertInto('partial_downloads').values(some).execute()
  }
  return completed
}

function keysOf({ clients, archive, view }: DownloadPart): ProgressKey[] {
  return clients.map(client => ({ client, archive, view }))
}

function rowsAt(
  change: Transaction<Tables>,
  keys: readonly ProgressKey[],
): Promise<PartialDownloadTable[]> {
  return change
    .selectFrom('partial_downloads')
    .selectAll()
    .where(({ or, and }) => or(keys.map(key => and({ ...key }))))
    .execute()
}

async function addDays(change: Transaction<Tables>, days: readonly DownloadDay[]): Promise<void> {
  for (const some of chunks(days)) {
    await change
      .insertInto('download_days')
      .values(some)
      .onConflict(conflict =>
        conflict.columns(['archive', 'day']).doUpdateSet(eb => ({
          downloads: eb('download_days.downloads', '+', eb.ref('excluded.downloads')),
          bytes: eb('download_days.bytes', '+', eb.ref('excluded.bytes')),
        })),
      )
      .execute()
  }
  const totals = summedDays(days.map(row => ({ ...row, day: '' })))
  for (const some of chunks(totals.map(({ day: _day, ...row }) => row))) {
    await change
      .insertInto('download_totals')
      .values(some)
      .onConflict(conflict =>
        conflict.column('archive').doUpdateSet(eb => ({
          downloads: eb('download_totals.downloads', '+', eb.ref('excluded.downloads')),
          bytes: eb('download_totals.bytes', '+', eb.ref('excluded.bytes')),
        })),
      )
      .execute()
  }
}

/** PostgreSQL answers numbers of eight bytes as texts. */
function numbersOf({ downloads, bytes }: DownloadNumbers): DownloadNumbers {
  return { downloads: Number(downloads), bytes: Number(bytes) }
}

function byArchive(rows: readonly (DownloadNumbers & { readonly archive: string })[]) {
  return new Map(rows.map(row => [row.archive, numbersOf(row)]))
}

function* chunks<T>(all: readonly T[]): Generator<T[]> {
  for (let i = 0; i < all.length; i += ROWS_AT_ONCE) yield all.slice(i, i + ROWS_AT_ONCE)
}
