/** Download counts, as one caller may see them. */
import { searchAssets } from '../../domain/asset-search.ts'
import type { VisibleCatalogue } from '../../domain/visible-catalogue.ts'
import {
  type CountedArchives,
  countedArchives,
  type DownloadReport,
  downloadReport,
  type NumberSource,
} from '../../state/download-report.ts'
import type { StatsQuery } from '../app-settings.ts'

/**
 * Numbers of what the caller sees: everything else is in no sum and in no number of archives.
 *
 * @throws StateUnavailable
 */
export function visibleReport(
  numbers: NumberSource,
  catalogue: VisibleCatalogue,
  { genome, asset, ...query }: StatsQuery,
): Promise<DownloadReport> {
  return downloadReport(numbers, countedOf(catalogue, genome, asset), query)
}

const counted = new WeakMap<VisibleCatalogue, Map<string, CountedArchives>>()

/** The archives of a genome, of an asset or of both; made once for each name that the catalogue has. */
function countedOf(catalogue: VisibleCatalogue, genome?: string, asset?: string): CountedArchives {
  const known = counted.get(catalogue) ?? new Map<string, CountedArchives>()
  counted.set(catalogue, known)
  const digest = genome === undefined ? undefined : catalogue.genome(genome)?.digest
  if (genome !== undefined && digest === undefined) return countedArchives([])
  const name = JSON.stringify([digest, asset])
  const made = known.get(name)
  if (made !== undefined) return made
  const { items } = searchAssets(catalogue, {
    ...(digest !== undefined && { genome: digest }),
    ...(asset !== undefined && { asset }),
    offset: 0,
    limit: Number.MAX_SAFE_INTEGER,
  })
  const archives = countedArchives(items)
  // Callers can make up names without end.
  if (items.length > 0) known.set(name, archives)
  return archives
}
