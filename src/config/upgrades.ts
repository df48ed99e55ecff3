/**
 * Old config formats, brought to today's shape in memory; the file is never written.
 *
 * Numbered pure functions, applied in order. The Python upgrade from 0.3 always crashes (reference §1.3), so folders of that
 * time are served as they lie: the archive folder of a 0.3 genome carries its name, not its digest.
 */
import { isGenomeDigest } from '../domain/digest.ts'
import { ConfigInvalid } from './config-error.ts'
import type { RawConfig, RawGenome, RawTag } from './genome-config-schema.ts'

/** A config in today's shape. */
export interface UpgradedConfig {
  readonly config: RawConfig
  /** Genome key → folder in the archive folder, where it is not the key itself. */
  readonly folders: ReadonlyMap<string, string>
  readonly warnings: readonly string[]
}

const OLDEST = 0.3
const NEWEST = 0.4

/**
 * The config in the shape of 0.4.
 *
 * @throws ConfigInvalid when the version is no number, older than 0.3 or newer than 0.4
 */
export function upgradeConfig(config: RawConfig, file: string): UpgradedConfig {
  const version = config.config_version === undefined ? NEWEST : Number(config.config_version)
  if (Number.isNaN(version) || version < OLDEST || version > NEWEST) {
    const message = `is '${config.config_version}'; allowed: 0.3 or 0.4 (older ones: upgrade with refgenie 0.9 first)`
    throw new ConfigInvalid([{ file, key: 'config_version', message }])
  }
  return version < NEWEST ? from03(config) : { config, folders: new Map(), warnings: [] }
}

/** 0.3 → 0.4: genomes are keyed by digest, their name becomes the alias, relatives name their genome. */
function from03(config: RawConfig): UpgradedConfig {
  const genomes: Record<string, RawGenome> = {}
  const folders = new Map<string, string>()
  const warnings: string[] = []
  for (const [name, genome] of Object.entries(config.genomes ?? {})) {
    const digest = genome?.genome_digest ?? ''
    const key = isGenomeDigest(digest) && !(digest in genomes) ? digest : name
    if (key === name) {
      warnings.push(`genome ${name} has no genome_digest of its own: API v3 cannot address it`)
    }
    folders.set(key, name)
    const { genome_digest: _moved, ...rest } = genome ?? {}
    genomes[key] = { ...rest, aliases: [name], assets: assetsFrom03(genome, key) }
  }
  return { config: { ...config, config_version: String(NEWEST), genomes }, folders, warnings }
}

function assetsFrom03(genome: RawGenome | null, digest: string): NonNullable<RawGenome['assets']> {
  const withGenome = (path: string) => (path.includes('/') ? path : `${digest}/${path}`)
  const upgradeTag = (tag: RawTag): RawTag => ({
    ...tag,
    ...(tag.asset_parents && { asset_parents: tag.asset_parents.map(withGenome) }),
    ...(tag.asset_children && { asset_children: tag.asset_children.map(withGenome) }),
  })
  const entries = Object.entries(genome?.assets ?? {}).map(([name, asset]) => {
    const tags = Object.entries(asset?.tags ?? {}).map(([tag, value]) => [
      tag,
      value && upgradeTag(value),
    ])
    return [name, asset && { ...asset, tags: Object.fromEntries(tags) }]
  })
  return Object.fromEntries(entries)
}
