/** Keeps a running server fresh: reloads when a config changes, checks archives in the background, says what an operator should know. */
import type { Logger } from 'pino'
import type { ConfigReader } from '../archive/config-reader.ts'
import { watchState } from '../archive/config-watch.ts'
import type { Depot, Generation } from '../archive/depot.ts'
import type { Damage } from '../archive/folder-check.ts'
import { timeSlices } from '../archive/time-slices.ts'
import { isReserved } from '../domain/reserved-words.ts'
import type { AccessControl } from '../http/access/access-control.ts'
import { NOTHING_ARCHIVED } from '../http/pages/genome-pages.ts'

// How often it is looked whether an archive was seen in a new state.
const RECHECK_MS = 1000

/** What is kept fresh. */
export interface Fresh {
  readonly depot: Depot
  readonly access: AccessControl
  readonly logger: Logger
  /** Keeps what it has read for the next start; undefined when it should not. */
  readonly reader?: ConfigReader | undefined
}

/** What {@link settle} needs of it. */
type Settling = Pick<Fresh, 'depot' | 'logger' | 'reader'>

/** What an operator should know of a new catalogue. */
export function tell(logger: Logger, generation: Generation): void {
  const { catalogue, archiveFolder, configFile: config, notes, access } = generation
  const controlled = access.restricts ? { controlled: access.size } : {}
  const counts = {
    genomes: catalogue.genomes.length,
    archives: catalogue.archiveCount,
    ...controlled,
  }
  logger.info({ config, archiveFolder, ...counts }, 'catalogue loaded')
  for (const note of notes) logger.warn(note)
  if (catalogue.archiveCount === 0) logger.warn(NOTHING_ARCHIVED)
  for (const genome of catalogue.genomes) {
    for (const alias of genome.aliases.filter(isReserved)) {
      logger.warn(`genome '${alias}' has a reserved name: native URLs reach it by digest only`)
    }
  }
}

/**
 * Reloads when a config file changes or SIGHUP comes; a broken config is reported and the old catalogue stays.
 *
 * @param seconds - between two looks at the files; 0 = only on SIGHUP
 * @returns a function that stops it
 */
export function keepFresh(fresh: Fresh, seconds: number): () => void {
  const { depot, logger } = fresh
  const reload = () => {
    const before = depot.current
    depot.reload().then(
      after => reloaded(fresh, before, after),
      error =>
        logger.error({ err: error }, 'the changed config is broken; the old catalogue stays'),
    )
  }
  process.on('SIGHUP', reload)
  const stopLooking = whenStale(depot, () => void checkInBackground(fresh))
  const stopWatching = whenChanged(depot, seconds, reload)
  return () => {
    stopLooking()
    stopWatching()
    process.off('SIGHUP', reload)
  }
}

/**
 * Calls back when an archive was replaced without a change of the config: it is hashed anew soon after somebody has asked for it.
 *
 * @returns a function that stops it
 */
export function whenStale(depot: Depot, stale: () => void): () => void {
  const look = () => {
    if (depot.progress.state === 'done' && depot.current.ledger.takeStale()) stale()
  }
  const timer = setInterval(look, RECHECK_MS)
  timer.unref()
  return () => clearInterval(timer)
}

/**
 * Calls back when a config file has changed.
 *
 * @param seconds - between two looks at the files; 0 = never
 * @returns a function that stops it
 */
export function whenChanged(depot: Depot, seconds: number, changed: () => void): () => void {
  if (seconds <= 0) return () => {}
  const readAt = depot.current.loadedAt.getTime()
  return watchState(() => depot.sourceState(), changed, seconds * 1000, readAt)
}

async function reloaded(fresh: Fresh, before: Generation, after: Generation): Promise<void> {
  tellOfChange(fresh.logger, before, after)
  await openForAudit(fresh, after)
  await settle(fresh)
}

/** What an operator should know of a catalogue that took the place of another one. */
export function tellOfChange(logger: Logger, before: Generation, after: Generation): void {
  tell(logger, after)
  warnOfChange(logger, before, after)
}

/** Who asks for what is controlled goes into the audit from now on. */
export async function openForAudit(
  { access, logger }: Pick<Fresh, 'access' | 'logger'>,
  after: Generation,
): Promise<void> {
  if (!after.access.restricts) return
  await access.state
    .open()
    .catch(error => logger.error({ err: error }, 'there is no place for the audit'))
}

/** What can wait until requests are answered: the look-ups that need every tag, the snapshot for the next start, the check of the archives. */
export async function settle({ depot, reader, logger }: Settling): Promise<void> {
  const { catalogue, archiveFolder } = depot.current
  await catalogue.fill(timeSlices())
  await reader
    ?.keep(archiveFolder)
    .catch(error => logger.info({ err: error }, 'the snapshot of the config cannot be written'))
  for (const note of reader?.takeNotes() ?? []) logger.warn(note)
  await checkInBackground({ depot, logger })
}

/** A change that opens something, or that this process cannot follow, is worth a word. */
function warnOfChange(logger: Logger, before: Generation, after: Generation): void {
  const [was, is] = [before.access.size, after.access.size]
  if (is < was) logger.warn({ was, is }, 'less is controlled than before the change')
  if (JSON.stringify(before.settings) !== JSON.stringify(after.settings)) {
    logger.warn('the refdepot section of the config has changed; restart the server to apply it')
  }
}

// What was told of each depot.
const TOLD = new WeakMap<Depot, ReadonlySet<string>>()

/** What of the damages was not told before: a check is made again for many reasons, and one that another one has overtaken ends with what that has found. */
function news(depot: Depot, damages: readonly Damage[]): Damage[] {
  const told = TOLD.get(depot)
  const named = ({ file, problem, reason }: Damage) => [file, problem, reason].join('\n')
  TOLD.set(depot, new Set(damages.map(named)))
  return damages.filter(damage => told?.has(named(damage)) !== true)
}

/** Checks every archive; what is damaged, and was not before, goes to the log. */
async function checkInBackground({ depot, logger }: Settling): Promise<void> {
  try {
    for (const damage of news(depot, await depot.check())) {
      logger.error({ ...damage }, 'an archive is damaged')
    }
    if (depot.current.ledger.memoryOnly) {
      logger.warn('computed digests cannot be kept; give a writable folder with --state-folder')
    }
  } catch (error) {
    logger.error({ err: error }, 'the check of the archives failed')
  }
}
