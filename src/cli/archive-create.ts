/** `refdepot archive create`: archives what is not archived yet. */
import { readFile } from 'node:fs/promises'
import type { CreateOptions, CreateSummary } from '../archive/archive-events.ts'
import type { ArchivePlan } from '../archive/archive-plan.ts'
import { openServerTarget, openTarget } from '../archive/archive-target.ts'
import {
  createArchives,
  importArchives,
  planCreation,
  planImport,
} from '../archive/create-archives.ts'
import { SettingInvalid } from '../config/config-error.ts'
import { registryPathOf } from '../domain/catalogue.ts'
import { eventView } from './archive-events.ts'
import { configOf, requiredBy, type TargetFlags } from './archive-flags.ts'
import { EXIT } from './exit-codes.ts'

/** Flags of `archive create`. */
export interface CreateFlags extends TargetFlags {
  readonly force?: boolean
  readonly dryRun?: boolean
  readonly jobs?: string
  readonly genomesDesc?: string
  readonly legacyFiles?: boolean
  readonly policy?: string
  readonly json?: boolean
}

/** Archives what the registry paths name; answers 6 when some tags failed, 1 when all did. */
export async function runCreate(paths: readonly string[], flags: CreateFlags): Promise<number> {
  const target = await openTarget(configOf(flags), flags.archiveFolder)
  const options = await optionsOf(paths, flags)
  if (flags.dryRun === true) return showPlan(await planCreation(target, options), flags)
  return watched(flags, more => createArchives(target, { ...options, ...more }))
}

/** Repacks archives of other tools. Exit codes as `runCreate`. */
export async function runImport(paths: readonly string[], flags: CreateFlags): Promise<number> {
  const target = await openServerTarget(configOf(flags), flags.archiveFolder)
  const options = await optionsOf(paths, flags)
  if (flags.dryRun === true) return showPlan(await planImport(target, options), flags)
  return watched(flags, more => importArchives(target, { ...options, ...more }))
}

/** Runs with progress shown, until it ends or is interrupted. */
async function watched(
  flags: CreateFlags,
  run: (more: Pick<CreateOptions, 'onEvent' | 'signal'>) => Promise<CreateSummary>,
): Promise<number> {
  const view = eventView(flags.json === true)
  const stop = stopOnSignal()
  try {
    const summary = await run({ onEvent: view.onEvent, signal: stop.signal })
    view.end(summary)
    return exitOf(summary)
  } finally {
    stop.forget()
  }
}

function showPlan({ tags }: ArchivePlan, flags: CreateFlags): number {
  for (const { entry, action, reason } of tags) {
    const archive = registryPathOf(entry)
    const line =
      flags.json === true
        ? JSON.stringify({ archive, action, reason })
        : `${action.padEnd(7)} ${archive}: ${reason}`
    process.stdout.write(`${line}\n`)
  }
  return EXIT.ok
}

/** The exit code of a run. */
function exitOf({ archived, views, skipped, failed }: CreateSummary): number {
  if (failed === 0) return EXIT.ok
  return archived + views + skipped > 0 ? EXIT.partial : EXIT.failed
}

async function optionsOf(
  registryPaths: readonly string[],
  flags: CreateFlags,
): Promise<CreateOptions> {
  return {
    registryPaths,
    force: flags.force === true,
    legacyFiles: flags.legacyFiles === true,
    require: await requiredBy(flags),
    ...(flags.jobs !== undefined && { jobs: jobsOf(flags.jobs) }),
    ...(flags.genomesDesc !== undefined && {
      descriptions: await descriptionsIn(flags.genomesDesc),
    }),
  }
}

function jobsOf(text: string): number {
  const jobs = Number(text)
  if (!/^[1-9]\d{0,2}$/.test(text))
    throw new SettingInvalid('--jobs', text, 'a number from 1 to 999')
  return jobs
}

/** `name,text` a line; the text may hold commas, or be in double quotes. Names are digests or aliases. */
async function descriptionsIn(file: string): Promise<Map<string, string>> {
  const text = await readFile(file, 'utf8').catch(error => {
    throw new SettingInvalid(
      '--genomes-desc',
      file,
      `a CSV file that can be read (${error.message})`,
    )
  })
  const descriptions = new Map<string, string>()
  for (const line of text.split(/\r?\n/)) {
    const comma = line.indexOf(',')
    if (comma === -1) continue
    const quoted = line.slice(comma + 1).trim()
    const plain = /^"(.*)"$/.exec(quoted)?.[1]?.replaceAll('""', '"') ?? quoted
    descriptions.set(
      line
        .slice(0, comma)
        .trim()
        .replace(/^"(.*)"$/, '$1'),
      plain,
    )
  }
  return descriptions
}

/** The first Ctrl-C ends the run in good order: nothing half-made is left. */
function stopOnSignal(): { signal: AbortSignal; forget: () => void } {
  const control = new AbortController()
  const stop = () =>
    control.abort(new Error('stopped; what was archived before stays, the rest was not begun'))
  process.once('SIGINT', stop)
  process.once('SIGTERM', stop)
  const forget = () => {
    process.off('SIGINT', stop)
    process.off('SIGTERM', stop)
  }
  return { signal: control.signal, forget }
}
