/** The releases as one caller may see them: without what is hidden, and without a release of which nothing is left. */
import type { Release, ReleaseSet } from '../../domain/release.ts'

/** Releases of a view. */
export class VisibleReleases {
  readonly #set: ReleaseSet
  readonly #hidden: ReadonlySet<string>
  // Filtered when it is asked for: most views are never asked.
  #visible: ReadonlyMap<string, Release> | undefined

  /** @param hidden - registry paths that the caller may not see */
  constructor(set: ReleaseSet, hidden: ReadonlySet<string>) {
    this.#set = set
    this.#hidden = hidden
  }

  /** By name, the newest one first. */
  get all(): ReadonlyMap<string, Release> {
    this.#visible ??= new Map(
      this.#set.releases.flatMap(release => {
        const entries = release.entries.filter(entry => !this.#hidden.has(entry.registry_path))
        if (entries.length === 0) return []
        return [
          [
            release.name,
            entries.length === release.entries.length ? release : { ...release, entries },
          ],
        ]
      }),
    )
    return this.#visible
  }
}
