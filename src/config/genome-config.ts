/** Reads a genome config (0.3 or 0.4) into genomes, folders and remotes. */
import { readFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import type { AccessMarks } from '../domain/access.ts'
import { isGenomeDigest } from '../domain/digest.ts'
import { type Asset, type Genome, type Remote, Tag } from '../domain/genome.ts'
import { provenanceIn } from '../domain/provenance.ts'
import { type MarkedGenomes, markedPlaces, marksOfConfig } from './access-marks.ts'
import { checkConfig, unknownKeys } from './check-config.ts'
import { ConfigUnreadable } from './config-error.ts'
import type { RawAsset, RawConfig, RawGenome } from './genome-config-schema.ts'
import { readYaml } from './read-yaml.ts'
import { upgradeConfig } from './upgrades.ts'

/** A genome config, checked and in today's shape. */
export interface GenomeConfig {
  /** Absolute path of the file. */
  readonly file: string
  /** Absolute; the folder of the config when it names none. */
  readonly genomeFolder: string
  /** Absolute, as the config names it; it may not exist on this machine. Undefined when it names none. */
  readonly archiveFolder?: string
  /** Absolute path of the server config that `archive` writes, when the config names one. */
  readonly archiveConfig?: string
  /** URLs without a trailing slash. */
  readonly servers: readonly string[]
  /** Undefined unless every remote has a prefix (then archives are served from there). */
  readonly remotes?: ReadonlyMap<string, Remote>
  /** In file order, with all tags. */
  readonly genomes: readonly Genome[]
  /** What the keys `access` and `study` say. */
  readonly marks: AccessMarks
  /** The places that carry these marks. */
  readonly marked: MarkedGenomes
  /** The `refdepot` section: server settings, by name. */
  readonly settings: Readonly<Record<string, unknown>>
  /** What an operator should know, one sentence each. */
  readonly warnings: readonly string[]
}

/** What refgenconf falls back to when a config names no server. */
export const DEFAULT_SERVER = 'http://refgenomes.databio.org'

/**
 * Reads and checks a genome config; the file is never written.
 *
 * @throws ConfigUnreadable when the file cannot be read
 * @throws ConfigInvalid naming file, line, key and what is allowed
 */
export async function readGenomeConfig(path: string): Promise<GenomeConfig> {
  const file = resolve(path)
  const text = await readFile(file, 'utf8').catch(error => {
    throw new ConfigUnreadable(file, error)
  })
  return parseGenomeConfig(text, file)
}

/**
 * The config in a text.
 *
 * @param file - absolute path: relative folders start at its folder, and errors name it
 * @throws ConfigInvalid naming file, line, key and what is allowed
 */
export function parseGenomeConfig(text: string, file: string): GenomeConfig {
  // The peer takes anything that is no map of genomes for an empty one; an empty file is an empty config.
  const value = readYaml(text, file) ?? {}
  const { config, folders, warnings } = upgradeConfig(checkConfig(value, text, file), file)
  const from = dirname(file)
  const unknown = unknownKeys(config)
  const remotes = remotesOf(config)
  const marked = markedPlaces(config.genomes ?? {})
  const archiveFolder = config.genome_archive_folder ?? config.genome_archive
  return {
    file,
    genomeFolder: resolve(from, config.genome_folder ?? from),
    ...(archiveFolder != null && { archiveFolder: resolve(from, archiveFolder) }),
    ...(config.genome_archive_config != null && {
      archiveConfig: resolve(from, config.genome_archive_config),
    }),
    servers: serversOf(config),
    ...(remotes && { remotes }),
    genomes: Object.entries(config.genomes ?? {}).map(([digest, genome]) =>
      toGenome(digest, genome ?? {}, folders.get(digest) ?? digest),
    ),
    marks: marksOfConfig(marked),
    marked,
    settings: config.refdepot ?? {},
    warnings: [
      ...warnings,
      ...(unknown.length > 0 ? [`unknown keys are kept but not used: ${unknown.join('; ')}`] : []),
      ...oddKeys(config, folders),
    ],
  }
}

function serversOf(config: RawConfig): string[] {
  const value = config.genome_servers ?? config.genome_server ?? DEFAULT_SERVER
  return [value].flat().map(url => url.replace(/\/+$/, ''))
}

/** Remotes count only when every one has a prefix (reference §4.3); anything else is served from here. */
function remotesOf(config: RawConfig): Map<string, Remote> | undefined {
  const remotes = new Map<string, Remote>()
  for (const [name, value] of Object.entries(config.remotes ?? {})) {
    const { prefix, description } = (value ?? {}) as Record<string, unknown>
    if (typeof prefix !== 'string') return undefined
    remotes.set(name, { prefix, ...(typeof description === 'string' && { description }) })
  }
  return remotes.size > 0 ? remotes : undefined
}

/** Keys that are no digests work in v1, v2 and native URLs, but no v3 client can ask for them. */
function oddKeys(config: RawConfig, folders: ReadonlyMap<string, string>): string[] {
  return Object.keys(config.genomes ?? {})
    .filter(key => !isGenomeDigest(key) && !folders.has(key))
    .map(key => `genome ${key} is not named by a 48-character digest: API v3 cannot address it`)
}

function toGenome(digest: string, raw: RawGenome, folder: string): Genome {
  const assets = new Map<string, Asset>()
  for (const [name, asset] of Object.entries(raw.assets ?? {})) {
    assets.set(name, toAsset(name, asset ?? {}))
  }
  return {
    digest,
    aliases: raw.aliases ?? [],
    ...(raw.genome_description != null && { description: raw.genome_description }),
    ...(raw.genome_digest != null && { legacyDigest: raw.genome_digest }),
    folder,
    provenance: provenanceIn(raw),
    assets,
  }
}

function toAsset(name: string, raw: RawAsset): Asset {
  const tags = new Map<string, Tag>()
  for (const [tag, attributes] of Object.entries(raw.tags ?? {})) {
    // Who may see a tag and what we know of its life is not told to clients: v2 answers all attributes, and the peer knows none of these.
    const { access: _access, study: _study, published_at, withdrawn, ...shown } = attributes ?? {}
    const life = {
      ...(published_at !== undefined && { publishedAt: published_at }),
      ...(withdrawn != null && { withdrawal: withdrawn }),
    }
    tags.set(tag, new Tag(tag, shown, life))
  }
  return {
    name,
    ...(raw.asset_description != null && { description: raw.asset_description }),
    ...(raw.default_tag != null && { defaultTag: raw.default_tag }),
    provenance: provenanceIn(raw),
    tags,
  }
}
