/** The assets that registry paths name, as for `pull`: an asset without a tag means its default tag. */
import { selectTags } from '../archive/archive-target.ts'
import type { Catalogue, CatalogueEntry } from '../domain/catalogue.ts'
import { defaultTagOf } from '../domain/genome.ts'

/**
 * What registry paths name in a catalogue; a single word is a genome with all its tags.
 *
 * @throws NotInCatalogue naming the path and what there is
 */
export function selectAssets(
  catalogue: Catalogue,
  registryPaths: readonly string[],
): CatalogueEntry[] {
  return selectTags(
    catalogue.genomes,
    registryPaths.map(path => {
      const [, genome, asset] = /^([^/:]+)\/([^/:]+)$/.exec(path) ?? []
      if (genome === undefined || asset === undefined) return path
      const found = catalogue.asset(genome, asset)
      return found === undefined ? path : `${path}:${defaultTagOf(found)}`
    }),
  )
}
