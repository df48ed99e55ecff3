/** `archive create` and `archive import`: plan what there is to do and carry it out. */
import { mkdir, rm } from 'node:fs/promises'
import { withConfigLock } from '../config/config-lock.ts'
import { StorageWriteFailed } from '../domain/errors.ts'
import type { CreateOptions, CreateSummary } from './archive-events.ts'
import { type ArchivePlan, type PlannedTag, planArchives } from './archive-plan.ts'
import { ArchiveRun, type Prepare } from './archive-run.ts'
import { type ArchiveTarget, selectTags } from './archive-target.ts'
import { demandProvenance } from './demand-provenance.ts'
import { readyImport } from './import-archives.ts'
import { finishPublishing, isUnfinished } from './publish.ts'
import { readyTag } from './ready-tag.ts'
import { openRunFolder, removeDeadRuns } from './run-folder.ts'

/** What would be done; nothing is written. */
export async function planCreation(
  target: ArchiveTarget,
  options: CreateOptions,
): Promise<ArchivePlan> {
  const selected = selectTags(target.source.genomes, options.registryPaths)
  return planArchives(target, selected, options.force === true)
}

/**
 * Archives what is to be archived; a tag that fails does not stop the others.
 *
 * @throws NotInCatalogue, StorageWriteFailed, ConfigLocked, ConfigInvalid of the server config
 */
export async function createArchives(
  target: ArchiveTarget,
  options: CreateOptions,
): Promise<CreateSummary> {
  await makeFolder(target.archiveFolder)
  await healFolder(target)
  const plan = await planCreation(target, options)
  return inRun(target, options, plan, async entry => {
    demandProvenance(entry, options.require ?? [])
    return readyTag(target, entry)
  })
}

/** What an import would do: archives of other tools are repacked, everything else is left alone. */
export async function planImport(
  target: ArchiveTarget,
  options: CreateOptions,
): Promise<ArchivePlan> {
  const archived = selectTags(target.source.genomes, options.registryPaths).filter(
    ({ tag }) => tag.archived && tag.withdrawal === undefined,
  )
  const plan = await planArchives(target, archived, false)
  const tags = plan.tags.map((tag): PlannedTag => {
    if (tag.action !== 'skip' || tag.archive !== undefined) return { ...tag, action: 'skip' }
    return { ...tag, action: 'create' }
  })
  return { ...plan, tags }
}

/**
 * Repacks archives of other tools; their digests stay known. Throws as `createArchives`.
 *
 * @param target - with the server config as its own source
 */
export async function importArchives(
  target: ArchiveTarget,
  options: CreateOptions,
): Promise<CreateSummary> {
  await healFolder(target)
  const plan = await planImport(target, options)
  return inRun(target, options, plan, (entry, scratch) => readyImport(target, entry, scratch))
}

/** Ends what a killed run has begun, and removes what it left. */
export async function healFolder({ archiveFolder, configFile }: ArchiveTarget): Promise<void> {
  if (await isUnfinished(archiveFolder)) {
    await withConfigLock(configFile, () => finishPublishing(archiveFolder))
  }
  await removeDeadRuns(archiveFolder)
}

async function inRun(
  target: ArchiveTarget,
  options: CreateOptions,
  plan: ArchivePlan,
  ready: Prepare,
): Promise<CreateSummary> {
  const folder = await openRunFolder(target.archiveFolder).catch(error => {
    throw new StorageWriteFailed(target.archiveFolder, error)
  })
  const run = new ArchiveRun({ target, options, plan, folder, ready })
  try {
    return await run.carryOut()
  } finally {
    await run.stop()
    await rm(folder, { recursive: true, force: true })
  }
}

async function makeFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true }).catch(error => {
    throw new StorageWriteFailed(folder, error)
  })
}
