/**
 * The catalogue as one caller may see it: what is hidden is not in it, so nothing that is made of it can reveal it.
 *
 * Filtering comes before listing: an alias, a default tag, a count, a relative, an index by digest are all made of what is left.
 */
import { type AccessTable, relativeNamed } from './access.ts'
import { Catalogue, type CatalogueSource } from './catalogue.ts'
import type { Asset, Genome, Tag } from './genome.ts'
import type { Rights } from './rights.ts'

declare const seen: unique symbol

/** A catalogue that was filtered for its caller; faces take no other, and only {@link visibleTo} makes one. */
export type VisibleCatalogue = Catalogue & { readonly [seen]: true }

/** A catalogue with what it was made of. */
export interface WholeCatalogue {
  readonly source: CatalogueSource
  readonly catalogue: Catalogue
  readonly access: AccessTable
}

/** What a caller with these rights may see; the whole catalogue itself when nothing is hidden. */
export function visibleTo(rights: Rights, whole: WholeCatalogue): VisibleCatalogue {
  const { source, catalogue, access } = whole
  const hidden = access.hiddenFrom(rights, source.genomes)
  if (hidden.size === 0) return catalogue as VisibleCatalogue
  const named = byName(source.genomes)
  const filter: Filter = {
    hidden,
    keeps: (relative, owner) => {
      const { genome, key } = relativeNamed(relative, named, owner)
      return genome === undefined || (hasVisible(genome, hidden) && !hidden.has(key ?? ''))
    },
  }
  const genomes = source.genomes.flatMap(genome => visibleGenome(genome, filter))
  return new Catalogue({ ...source, genomes }) as VisibleCatalogue
}

interface Filter {
  /** Keys of what is hidden. */
  readonly hidden: ReadonlySet<string>
  /** True for a relative (as configs name them) of a genome's tag that may be shown. */
  keeps(relative: string, owner: Genome): boolean
}

/** By digest and alias; of equal aliases the last one counts, as in the catalogue. */
function byName(genomes: readonly Genome[]): Map<string, Genome> {
  const names = new Map<string, Genome>()
  for (const genome of genomes) for (const alias of genome.aliases) names.set(alias, genome)
  for (const genome of genomes) names.set(genome.digest, genome)
  return names
}

/** True when anything of a genome is left. */
function hasVisible(genome: Genome, hidden: ReadonlySet<string>): boolean {
  if (genome.assets.size === 0) return !hidden.has(genome.digest)
  for (const asset of genome.assets.values()) {
    const key = `${genome.digest}/${asset.name}`
    if (asset.tags.size === 0 && !hidden.has(key)) return true
    for (const tag of asset.tags.keys()) if (!hidden.has(`${key}:${tag}`)) return true
  }
  return false
}

function visibleGenome(genome: Genome, filter: Filter): Genome[] {
  if (!hasVisible(genome, filter.hidden)) return []
  const assets = new Map<string, Asset>()
  let changed = false
  for (const asset of genome.assets.values()) {
    const visible = visibleAsset(genome, asset, filter)
    changed ||= visible !== asset
    if (visible !== undefined) assets.set(asset.name, visible)
  }
  // Views of many callers share what they all see.
  return changed ? [{ ...genome, assets }] : [genome]
}

function visibleAsset(genome: Genome, asset: Asset, filter: Filter): Asset | undefined {
  const key = `${genome.digest}/${asset.name}`
  if (filter.hidden.has(key)) return undefined
  const tags = new Map<string, Tag>()
  let changed = false
  for (const tag of asset.tags.values()) {
    const visible = filter.hidden.has(`${key}:${tag.name}`)
      ? undefined
      : visibleTag(tag, filter, genome)
    changed ||= visible !== tag
    if (visible !== undefined) tags.set(tag.name, visible)
  }
  if (!changed) return asset
  return tags.size === 0 ? undefined : { ...asset, tags }
}

/** Without the relatives that are hidden, in the accessors and in the attributes alike. */
function visibleTag(tag: Tag, filter: Filter, owner: Genome): Tag {
  const keeps = (relative: string) => filter.keeps(relative, owner)
  if (tag.parents.every(keeps) && tag.children.every(keeps)) return tag
  const attributes = { ...tag.attributes }
  if (attributes.asset_parents !== undefined) attributes.asset_parents = tag.parents.filter(keeps)
  if (attributes.asset_children !== undefined) {
    attributes.asset_children = tag.children.filter(keeps)
  }
  return tag.withAttributes(attributes)
}
