/** Runs the archiver over genome folders of tests. */
import { join } from 'node:path'
import type { Test } from 'tap'
import type { ArchiveEvent, CreateOptions } from '../../src/archive/archive-events.ts'
import { readIndex } from '../../src/archive/archive-plan.ts'
import { openTarget } from '../../src/archive/archive-target.ts'
import { createArchives } from '../../src/archive/create-archives.ts'
import { fileDigests } from '../../src/archive/file-digests.ts'
import type { MemberIndex } from '../../src/archive/member-index.ts'
import { readRawConfig } from '../../src/config/raw-config.ts'
import { T7 } from './genome-fixtures.ts'
import { type GenomeFolder, type GenomeSpec, genomeFolder } from './genome-folder.ts'

/** Archives a genome folder and answers how it went. */
export async function create(made: GenomeFolder, options: Partial<CreateOptions> = {}) {
  const events: ArchiveEvent[] = []
  const onEvent = (event: ArchiveEvent) => events.push(event)
  const target = await openTarget(made.config)
  const summary = await createArchives(target, { registryPaths: [], jobs: 1, onEvent, ...options })
  const failures = events.flatMap(event => (event.event === 'failed' ? [event.error.message] : []))
  const warnings = events.flatMap(event => (event.event === 'warning' ? [event.message] : []))
  return { summary, events, failures, warnings }
}

/** One asset with the given files, archived; answers why it failed. */
export async function failureOf(
  t: Test,
  tag: GenomeSpec[string],
  then?: (made: GenomeFolder) => Promise<void>,
) {
  const made = await genomeFolder(t, { 'x:default': tag })
  await then?.(made)
  const { failures, summary } = await create(made)
  t.match(summary, { archived: 0, failed: 1 })
  t.notOk(
    (await readRawConfig(made.serverConfig)).genomes?.[T7]?.assets?.x?.tags?.default
      ?.archive_digest,
  )
  return failures[0] as string
}

/** Path of the archive of an asset. */
export const archive = (made: GenomeFolder, asset = 'fasta') =>
  join(made.archiveFolder, T7, `${asset}__default.tgz`)
/** md5 of a file. */
export const md5 = async (path: string) => (await fileDigests(path)).md5
/** Index of an archive. */
export const indexOf = async (path: string) => (await readIndex(path)) as MemberIndex
