/** `refdepot push` and `rollback`: publish archives in a store, and go back. */
import { openServerTarget, selectTags } from '../archive/archive-target.ts'
import { healFolder } from '../archive/create-archives.ts'
import { currentConfig, type PushStore, rollBack } from '../archive/publish-generation.ts'
import { type PushEvent, pushArchives } from '../archive/push-archives.ts'
import { findTag } from '../archive/server-record.ts'
import { SettingInvalid } from '../config/config-error.ts'
import type { CatalogueEntry } from '../domain/catalogue.ts'
import { formatSize } from '../domain/human-size.ts'
import { configOf, requiredBy, type TargetFlags } from './archive-flags.ts'
import { EXIT } from './exit-codes.ts'
import { type StoreFlags, storeOf } from './store-flags.ts'

/** Flags of `push`. */
export interface PushFlags extends TargetFlags, StoreFlags {
  readonly policy?: string
  readonly new?: boolean
  readonly json?: boolean
}

/** Flags of `rollback`. */
export interface RollbackFlags extends StoreFlags {
  readonly includeWithdrawn?: boolean
}

/** Pushes archives; all of them without any path. */
export async function runPush(paths: readonly string[], flags: PushFlags): Promise<number> {
  const target = await openServerTarget(configOf(flags), flags.archiveFolder)
  await healFolder(target)
  const to = await storeOf(flags)
  const archived = selectTags(target.source.genomes, paths).filter(({ tag }) => tag.archived)
  const entries = flags.new === true ? await unpublished(to, archived) : archived
  const onEvent = (event: PushEvent) => process.stdout.write(shown(event, flags))
  const require = await requiredBy(flags)
  const result = await pushArchives(target, entries, to, { onEvent, require })
  const { generation, pushed, present, withdrawn } = result
  const left = withdrawn === 0 ? '' : `, ${withdrawn} withdrawn`
  process.stdout.write(
    flags.json === true
      ? `${JSON.stringify({ event: 'published', ...result })}\n`
      : `generation ${generation}: ${pushed} pushed, ${present} there already${left}\n`,
  )
  return EXIT.ok
}

/** Makes an earlier generation the one that is served. */
export async function runRollback(
  wanted: string | undefined,
  flags: RollbackFlags,
): Promise<number> {
  if (wanted !== undefined && !/^[1-9]\d{0,8}$/.test(wanted)) {
    throw new SettingInvalid('the generation', wanted, 'a number from 1')
  }
  const number = wanted === undefined ? undefined : Number(wanted)
  const to = await storeOf(flags)
  const { generation, from, stillWithdrawn } = await rollBack(to, number, flags.includeWithdrawn)
  const origin = from === generation ? '' : `: generation ${from} without what was withdrawn since`
  process.stdout.write(`generation ${generation} is served now${origin}\n`)
  for (const path of stillWithdrawn) process.stdout.write(`still withdrawn ${path}\n`)
  return EXIT.ok
}

/** The tags that are not published under their names yet. */
async function unpublished(
  to: PushStore,
  entries: readonly CatalogueEntry[],
): Promise<CatalogueEntry[]> {
  const config = await currentConfig(to)
  return entries.filter(({ genome, asset, tag }) => {
    const name = { genome: genome.digest, asset: asset.name, tag: tag.name }
    return findTag(config, name)?.archive_digest === undefined
  })
}

function shown(event: PushEvent, { json }: PushFlags): string {
  if (json === true) return `${JSON.stringify({ event: 'archive', ...event })}\n`
  const { action, registryPath, sent } = event
  const size = action === 'pushed' ? ` (${formatSize(sent)} sent)` : ''
  return `${action.padEnd(8)} ${registryPath}${size}\n`
}
