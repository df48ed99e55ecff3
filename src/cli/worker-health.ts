/** How far the checks of several workers are, as one. */
import type { CheckProgress } from '../archive/check-progress.ts'

const ORDER: readonly CheckProgress['state'][] = ['waiting', 'running', 'done']

/** The least that all of some checks have reached; waiting when there is none. */
export function leastOf(all: readonly CheckProgress[]): CheckProgress {
  const sorted = [...all].sort((a, b) => reached(a) - reached(b))
  return sorted[0] ?? { state: 'waiting', checked: 0, total: 0 }
}

function reached({ state, checked, total }: CheckProgress): number {
  return ORDER.indexOf(state) + (state === 'running' && total > 0 ? checked / (total + 1) : 0)
}
