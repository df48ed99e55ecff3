/** What the Python client writes into its config after a pull (`RefGenConf.pull`, refgenconf 0.13). */
import type { GenomeChange } from '../config/change-genomes.ts'
import type { RawConfig, RawTag } from '../config/genome-config-schema.ts'
import { parseRegistryPath, type RegistryPath } from '../domain/registry-path.ts'
import { askedGenome, isPlainWord } from './plain-names.ts'
import type { RemoteAsset } from './remote-asset.ts'

/** The tag of a config that an asset is; undefined when the config has none. */
export function tagIn(
  raw: RawConfig,
  genome: string,
  asset: string,
  tag: string,
): RawTag | undefined {
  return raw.genomes?.[genome]?.assets?.[asset]?.tags?.[tag] ?? undefined
}

/** The digest of the genome that an alias belongs to; undefined when it is free. */
export function ownerOf(raw: RawConfig, alias: string): string | undefined {
  const genomes = Object.entries(raw.genomes ?? {})
  return genomes.find(([, genome]) => genome?.aliases?.includes(alias))?.[0]
}

/**
 * The aliases that a genome has once an asset of it is pulled: what it has, and the one it was asked for by. Who asked by digest gets those of the server
 * that are free, so that the Python client has a name for it.
 */
export function aliasesAfter(raw: RawConfig, asset: RemoteAsset): string[] {
  const { digest, aliases } = asset.genome
  const asked = askedGenome(asset)
  const there = raw.genomes?.[digest]?.aliases ?? []
  const offered = asked === digest ? (there.length > 0 ? [] : aliases.filter(isPlainWord)) : [asked]
  const free = offered.filter(alias => ownerOf(raw, alias) === undefined)
  return [...new Set([...there, ...free])]
}

/** The changes of a config that make a pulled asset known. */
export function pulledChanges(raw: RawConfig, asset: RemoteAsset): GenomeChange[] {
  const { digest, description } = asset.genome
  const { name } = asset.asset
  const genome = raw.genomes?.[digest]
  const at = (...path: string[]) => [digest, 'assets', name, ...path]
  const changes: GenomeChange[] = []
  const aliases = aliasesAfter(raw, asset)
  if (aliases.length > (genome?.aliases?.length ?? 0)) {
    changes.push({ path: [digest, 'aliases'], value: aliases })
  }
  if (description !== undefined && (genome?.genome_description ?? '') === '') {
    changes.push({ path: [digest, 'genome_description'], value: description })
  }
  // The first tag that is pulled, whatever it is at the server.
  if ((genome?.assets?.[name]?.default_tag ?? '') === '') {
    changes.push({ path: at('default_tag'), value: asset.tag })
  }
  for (const [key, value] of Object.entries(copied(asset))) {
    changes.push({ path: at('tags', asset.tag, key), value })
  }
  return [
    ...changes,
    ...(asset.attributes.asset_parents ?? []).flatMap(parent => ofParent(raw, asset, parent)),
  ]
}

/** The attributes that Python copies (`ATTRS_COPY_PULL`). The asset lies where we have put it, so its path is not asked from the server. */
function copied(asset: RemoteAsset): Record<string, unknown> {
  const all: Readonly<Record<string, unknown>> = asset.attributes
  const kept = ['asset_description', 'asset_digest', 'tag_description'].filter(
    key => all[key] != null,
  )
  return {
    ...Object.fromEntries(kept.map(key => [key, all[key]])),
    asset_path: asset.asset.name,
    asset_parents: asset.attributes.asset_parents ?? [],
    seek_keys: asset.attributes.seek_keys ?? {},
  }
}

/**
 * A parent learns of its child. One that is not here is noted with its digest, so that only the same comes here later; without that digest it is
 * not noted, since the Python client fails on an entry that has none.
 */
function ofParent(raw: RawConfig, asset: RemoteAsset, path: string): GenomeChange[] {
  const { genome, asset: name, tag } = parseRegistryPath(path) as Required<RegistryPath>
  const at = (key: string) => [genome, 'assets', name, 'tags', tag, key]
  const there = tagIn(raw, genome, name, tag)
  const digest = asset.parentDigests?.[path]
  const isOurs = genome === asset.genome.digest || raw.genomes?.[genome] !== undefined
  if (there === undefined && (digest === undefined || !isOurs)) return []
  const child = `${asset.genome.digest}/${asset.asset.name}:${asset.tag}`
  const children = there?.asset_children ?? []
  return [
    ...(there === undefined ? [{ path: at('asset_digest'), value: digest }] : []),
    ...(children.includes(child)
      ? []
      : [{ path: at('asset_children'), value: [...children, child] }]),
  ]
}
