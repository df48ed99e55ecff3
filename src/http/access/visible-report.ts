/** Download counts, as one caller may see them. */
import { searchAssets } from '../../domain/asset-search.ts'
import type { VisibleCatalogue } from '../../domain/visible-catalogue.ts'
import {
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
  const found = searchAssets(catalogue, {
    ...(genome !== undefined && { genome }),
    ...(asset !== undefined && { asset }),
    offset: 0,
    limit: Number.MAX_SAFE_INTEGER,
  })
  return downloadReport(numbers, countedArchives(found.items), query)
}
