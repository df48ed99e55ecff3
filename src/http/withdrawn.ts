/** What is said of withdrawn tags: that they were there, why they are gone, and what took their place. */
import { registryPathOf } from '../domain/catalogue.ts'
import type { Withdrawal } from '../domain/genome.ts'
import { TagWithdrawn } from '../domain/publication-errors.ts'
import type { WithdrawnEntry } from '../domain/withdrawal.ts'
import type { VisibleGeneration } from './access/visible-generation.ts'

/**
 * Refuses a name that means a withdrawn tag; of other names nothing is said.
 *
 * @param tag - undefined for the default tag
 * @throws TagWithdrawn
 */
export function refuseWithdrawn(
  generation: VisibleGeneration,
  genome: string,
  asset: string,
  tag: string | undefined,
): void {
  const withdrawn = generation.catalogue.withdrawnEntry(genome, asset, tag)
  if (withdrawn !== undefined) throw withdrawnError(generation, withdrawn)
}

/** The error of a withdrawn tag; a successor that the caller may not see is left out. */
export function withdrawnError(
  generation: VisibleGeneration,
  { entry, withdrawal }: WithdrawnEntry,
): TagWithdrawn {
  const successor = knownSuccessor(generation, withdrawal)
  return new TagWithdrawn(registryPathOf(entry), withdrawal.reason, successor)
}

/** Registry path of what took the place of a withdrawn tag, where the caller may know it. */
export function knownSuccessor(
  { catalogue }: VisibleGeneration,
  { successor = '' }: Withdrawal,
): string | undefined {
  const [genome, asset, tag] = namesIn(successor)
  const listed = catalogue.entry(genome, asset, tag) !== undefined
  return listed || catalogue.withdrawn.tag(genome, asset, tag) !== undefined ? successor : undefined
}

/** What the body of a problem says of a withdrawal, for programs. */
export function withdrawalFacts(
  { registryPath, reason, successor }: TagWithdrawn,
  absolute: (path: string) => string,
): object {
  return {
    registry_path: registryPath,
    reason,
    successor:
      successor === undefined
        ? null
        : { registry_path: successor, url: absolute(pathOf(successor)) },
  }
}

function pathOf(registryPath: string): string {
  const [genome, asset, tag] = namesIn(registryPath).map(encodeURIComponent)
  return `/${genome}/assets/${asset}?tag=${tag}`
}

/** Genome digest, asset and tag of a registry path as configs write it: with all of its parts. */
function namesIn(registryPath: string): [string, string, string] {
  const [, genome = '', asset = '', tag = ''] = /^([^/]+)\/([^:]+):(.+)$/.exec(registryPath) ?? []
  return [genome, asset, tag]
}
