/** What a sender sends of an archive folder with one tag. */
import { readRawConfig } from '../config/raw-config.ts'
import { PushRefused } from '../domain/archiving-errors.ts'
import { entriesOf, registryPathOf } from '../domain/catalogue.ts'
import { archivePath, readIndex } from './archive-plan.ts'
import type { ArchiveTarget } from './archive-target.ts'
import { sideFilesIn } from './side-files.ts'

/** An archive with the order that goes before it. */
export interface UploadFiles {
  /** Absolute path of the archive. */
  readonly path: string
  /** As `readUploadOrder` reads it. */
  readonly order: object
}

/** The archive of the one tag that is archived. Throws PushRefused when there is none. */
export async function uploadOf(target: ArchiveTarget): Promise<UploadFiles> {
  const [entry] = target.source.genomes.flatMap(genome => [...entriesOf(genome)])
  const path = entry && (await archivePath(target, entry))
  const index = path === undefined ? undefined : await readIndex(path)
  if (entry === undefined || path === undefined || index === undefined) {
    const name = entry === undefined ? target.configFile : registryPathOf(entry)
    throw new PushRefused(name, 'it has no archive with an index')
  }
  const { genomes } = await readRawConfig(target.configFile)
  const files: Record<string, string> = {}
  for (const { file, content } of await sideFilesIn(target.archiveFolder, entry)) {
    files[file] = content.toString('utf8')
  }
  return { path, order: { config: { genomes }, index, files } }
}
