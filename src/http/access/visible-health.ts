/** Findings about the archive folder, as one caller may see them. */
import type { CheckProgress } from '../../archive/check-progress.ts'
import type { Depot } from '../../archive/depot.ts'
import type { Damage } from '../../archive/folder-check.ts'
import type { VisibleGeneration } from './visible-generation.ts'

/** What routes may tell of the health of a server. */
export interface VisibleHealth {
  /** How far the check is, in the numbers of what the caller sees. */
  readonly progress: CheckProgress
  /** Archives that are missing or damaged, and that the caller may see. */
  readonly damages: readonly Damage[]
  readonly reloadFailed: boolean
}

/** Findings about all archives: those of a depot, or of several processes together. */
export type HealthSource = Pick<Depot, 'damages' | 'progress' | 'reloadError'>

/** What a caller may know of the health. */
export function visibleHealth(
  depot: HealthSource,
  { catalogue }: VisibleGeneration,
): VisibleHealth {
  return {
    progress: progressOf(depot.progress, catalogue.archiveCount),
    damages: depot.damages.filter(
      ({ registryPath }) => catalogue.resolve(registryPath) !== undefined,
    ),
    reloadFailed: depot.reloadError !== undefined,
  }
}

/** The true numbers would tell how much there is besides. */
function progressOf({ state, checked, total }: CheckProgress, archives: number): CheckProgress {
  const done = total === 0 ? 0 : checked / total
  return { state, checked: Math.floor(done * archives), total: total === 0 ? 0 : archives }
}
