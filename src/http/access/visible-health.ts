/** Findings about the archive folder, as one caller may see them. */
import type { CheckProgress } from '../../archive/check-progress.ts'
import type { Depot } from '../../archive/depot.ts'
import type { Damage } from '../../archive/folder-check.ts'
import type { VisibleCatalogue } from '../../domain/visible-catalogue.ts'
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
    damages: visibleDamages(depot.damages, catalogue),
    reloadFailed: depot.reloadError !== undefined,
  }
}

// A folder that is gone has as many damages as archives: they are filtered once for each check and view.
const visible = new WeakMap<readonly Damage[], WeakMap<VisibleCatalogue, readonly Damage[]>>()

function visibleDamages(
  damages: readonly Damage[],
  catalogue: VisibleCatalogue,
): readonly Damage[] {
  const ofCheck = visible.get(damages) ?? new WeakMap<VisibleCatalogue, readonly Damage[]>()
  visible.set(damages, ofCheck)
  const known = ofCheck.get(catalogue)
  if (known !== undefined) return known
  const found = damages.filter(({ registryPath }) => catalogue.resolve(registryPath) !== undefined)
  ofCheck.set(catalogue, found)
  return found
}

/** The true numbers would tell how much there is besides. */
function progressOf({ state, checked, total }: CheckProgress, archives: number): CheckProgress {
  const done = total === 0 ? 0 : checked / total
  return { state, checked: Math.floor(done * archives), total: total === 0 ? 0 : archives }
}
