/** A server of archives of ours, made for one test, and folders to pull into. */
import { join } from 'node:path'
import type { Test } from 'tap'
import { openTarget } from '../../src/archive/archive-target.ts'
import { createArchives } from '../../src/archive/create-archives.ts'
import { type GenomeFolder, type GenomeSpec, genomeFolder } from './genome-folder.ts'
import { type StartedApp, startApp } from './start-app.ts'

/** See the head of this file. */
export interface ServedGenomes extends StartedApp {
  readonly url: string
  readonly made: GenomeFolder
  /** Path of a folder for this test that is not there yet. */
  place(name: string): string
}

/** Archives a genome folder and serves it on a port. */
export async function servedGenomes(t: Test, spec?: GenomeSpec): Promise<ServedGenomes> {
  const made = await genomeFolder(t, spec, ['t7'])
  await createArchives(await openTarget(made.config), { registryPaths: [], jobs: 1 })
  const started = await startApp(t, { config: made.config, archiveFolder: made.archiveFolder })
  await started.depot.check()
  const url = await started.listen()
  return { ...started, url, made, place: name => join(made.genomeFolder, '..', name) }
}
