/** Pushes an archive folder that somebody has made for one tag: what is published of its genome and asset already stays as it is. */
import type { RawConfig } from '../config/genome-config-schema.ts'
import { readRawConfig } from '../config/raw-config.ts'
import { formatGenomeConfig } from '../config/write-genome-config.ts'
import { type CatalogueEntry, entriesOf, registryPathOf } from '../domain/catalogue.ts'
import type { ProvenanceField } from '../domain/provenance.ts'
import { UploadRefused } from '../domain/upload.ts'
import { replaceFile } from '../storage/replace-file.ts'
import { type ArchiveTarget, openServerTarget } from './archive-target.ts'
import { currentConfig, type PushStore } from './publish-generation.ts'
import { pushArchives } from './push-archives.ts'

/** Pushes what is in the folder; answers the generation. Throws as `pushArchives`. */
export async function pushStaged(
  target: ArchiveTarget,
  to: PushStore,
  require: readonly ProvenanceField[],
): Promise<number> {
  const own = await readRawConfig(target.configFile)
  const published = await currentConfig(to)
  for (const genome of target.source.genomes) {
    const known = published.genomes?.[genome.digest]
    if (known == null) continue
    for (const entry of entriesOf(genome)) demandKnownName(entry, known.aliases ?? [])
  }
  const followed = following(own, published)
  await replaceFile(target.configFile, formatGenomeConfig(followed))
  const renewed = await openServerTarget(target.configFile, target.archiveFolder)
  const entries = renewed.source.genomes.flatMap(genome => [...entriesOf(genome)])
  const { generation } = await pushArchives(renewed, entries, to, { onEvent: () => {}, require })
  return generation
}

/**
 * Refuses a new name for a genome that is published: only its operator gives names.
 *
 * @param aliases - names that it has
 * @throws UploadRefused
 */
export function demandKnownName(entry: CatalogueEntry, aliases: readonly string[]): void {
  const { digest, aliases: typed } = entry.genome
  const stray = typed.find(alias => alias !== digest && !aliases.includes(alias))
  if (stray === undefined) return
  const names = aliases.length === 0 ? digest : aliases.join(', ')
  const reason = `the genome ${digest} is not called '${stray}' here, but ${names}; publish it under that name`
  throw new UploadRefused(registryPathOf(entry), reason)
}

/** The config with what is published of its genomes and assets in the place of what it says of them. */
export function following(config: RawConfig, published: RawConfig): RawConfig {
  const genomes: NonNullable<RawConfig['genomes']> = {}
  for (const [digest, genome] of Object.entries(config.genomes ?? {})) {
    const known = published.genomes?.[digest]
    const { assets: _known, ...ofGenome } = known ?? genome ?? {}
    const assets: Record<string, object> = {}
    for (const [name, asset] of Object.entries(genome?.assets ?? {})) {
      const { tags: _tags, ...ofAsset } = known?.assets?.[name] ?? asset ?? {}
      assets[name] = { ...ofAsset, ...(asset?.tags != null && { tags: asset.tags }) }
    }
    genomes[digest] = structuredClone({ ...ofGenome, assets })
  }
  return { ...config, genomes }
}
