/** Addresses of the native pages. */
import type { CatalogueEntry } from '../../domain/catalogue.ts'
import { defaultTagOf, type Genome, nameOf } from '../../domain/genome.ts'
import { parseRegistryPath } from '../../domain/registry-path.ts'
import { isReserved } from '../../domain/reserved-words.ts'

/** How a genome is named in native URLs: by its first alias, by digest where that is a reserved word. */
function urlName(genome: Genome): string {
  const name = nameOf(genome)
  return encodeURIComponent(isReserved(name) ? genome.digest : name)
}

/** Path of a genome's page. */
export function genomePath(genome: Genome): string {
  return `/genomes/${urlName(genome)}`
}

/** Path of an asset's page, or of something below it; the tag is named unless it is the default one. */
export function assetPath(entry: CatalogueEntry, below = ''): string {
  const { genome, asset, tag } = entry
  const query = tag.name === defaultTagOf(asset) ? '' : `?tag=${encodeURIComponent(tag.name)}`
  return `/${urlName(genome)}/assets/${encodeURIComponent(asset.name)}${below}${query}`
}

/** Path of the page of a relative, given as the config names it; undefined when it is no registry path with a genome. */
export function relativePath(registryPath: string): string | undefined {
  const path = parseRegistryPath(registryPath)
  if (path?.genome === undefined) return undefined
  const query = path.tag === undefined ? '' : `?tag=${encodeURIComponent(path.tag)}`
  return `/${path.genome}/assets/${path.asset}${query}`
}
