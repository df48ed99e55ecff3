/** `refdepot archive watch`: archives an asset when its build completes (the `build --archive` of refgenie 1.x). */
import { setTimeout as sleep } from 'node:timers/promises'
import { openTarget } from '../archive/archive-target.ts'
import { createArchives, planCreation } from '../archive/create-archives.ts'
import { SettingInvalid } from '../config/config-error.ts'
import { eventView } from './archive-events.ts'
import { configOf, type TargetFlags } from './archive-flags.ts'
import { EXIT } from './exit-codes.ts'

/** Flags of `archive watch`. */
export interface WatchFlags extends TargetFlags {
  readonly interval: string
  readonly jobs?: string
  readonly json?: boolean
}

/**
 * Looks again and again until it is stopped. What fails is told and tried again: a build that runs is not complete yet. The
 * same failure is told once.
 */
export async function runWatch(paths: readonly string[], flags: WatchFlags): Promise<number> {
  const seconds = Number(flags.interval)
  if (!(seconds > 0))
    throw new SettingInvalid('--interval', flags.interval, 'a number of seconds above 0')
  // A config that is wrong from the start is a mistake; one that breaks later is waited for.
  await openTarget(configOf(flags), flags.archiveFolder)
  const stop = new AbortController()
  process.once('SIGINT', () => stop.abort())
  process.once('SIGTERM', () => stop.abort())
  const told = new Set<string>()
  while (!stop.signal.aborted) {
    await lookOnce(paths, flags, stop.signal, told).catch(error => {
      if (!stop.signal.aborted) tell(told, `cannot archive now: ${(error as Error).message}`)
    })
    await sleep(seconds * 1000, undefined, { signal: stop.signal }).catch(() => {})
  }
  return EXIT.ok
}

async function lookOnce(
  paths: readonly string[],
  flags: WatchFlags,
  signal: AbortSignal,
  told: Set<string>,
): Promise<void> {
  const target = await openTarget(configOf(flags), flags.archiveFolder)
  const options = {
    registryPaths: paths,
    signal,
    ...(flags.jobs !== undefined && { jobs: Number(flags.jobs) }),
  }
  const { tags } = await planCreation(target, options)
  if (tags.every(({ action }) => action === 'skip')) return
  const view = eventView(flags.json === true)
  let happened = false
  const summary = await createArchives(target, {
    ...options,
    onEvent: event => {
      if (event.event === 'failed') tell(told, `${event.archive}: ${event.error.message}`)
      else if (event.event !== 'planned') {
        happened = true
        view.onEvent(event)
      }
    },
  })
  if (happened) view.end(summary)
}

function tell(told: Set<string>, message: string): void {
  if (told.has(message)) return
  told.add(message)
  process.stderr.write(`${message}\n`)
}
