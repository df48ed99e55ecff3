/** A generation as one caller may see it: the only form in which routes get one. */
import { createHash } from 'node:crypto'
import type { Generation } from '../../archive/depot.ts'
import type { Rights } from '../../domain/rights.ts'
import { type VisibleCatalogue, visibleTo } from '../../domain/visible-catalogue.ts'
import { VisibleFolder } from './visible-folder.ts'

/** What routes see of a generation. */
export interface VisibleGeneration {
  readonly catalogue: VisibleCatalogue
  readonly folder: VisibleFolder
  readonly loadedAt: Date
  /** True when there is anything that not everybody may see. */
  readonly restricts: boolean
}

/** Makes the view of a generation for a caller. */
export type Viewing = (generation: Generation, rights: Rights) => VisibleGeneration

// Callers with other rights than these see a view that is made anew; a view of a large catalogue takes tens of megabytes.
const MOST_VIEWS = 8
const MOST_RIGHTS = 1000

/** Views by what is hidden, and by rights which of them. */
interface Views {
  readonly byHidden: Map<string, VisibleGeneration>
  readonly byRights: Map<string, string>
}

/** A viewing that makes one view for all callers from whom the same is hidden. */
export function sharedViews(): Viewing {
  const all = new WeakMap<Generation, Views>()
  return (generation, rights) => {
    let views = all.get(generation)
    if (views === undefined) {
      views = { byHidden: new Map(), byRights: new Map() }
      all.set(generation, views)
    }
    const { byHidden, byRights } = views
    const sign = byRights.get(rights.key) ?? signOf(generation, rights)
    const view = byHidden.get(sign) ?? viewOf(generation, rights)
    remember(byRights, rights.key, sign, MOST_RIGHTS)
    remember(byHidden, sign, view, MOST_VIEWS)
    return view
  }
}

/** The view of a generation for these rights. */
function viewOf(generation: Generation, rights: Rights): VisibleGeneration {
  const { access, folder, loadedAt } = generation
  return {
    catalogue: visibleTo(rights, generation),
    folder: new VisibleFolder(folder, access),
    loadedAt,
    restricts: access.restricts,
  }
}

/** Equal for rights from which the same is hidden. */
function signOf({ access, source }: Generation, rights: Rights): string {
  const hidden = [...access.hiddenFrom(rights, source.genomes)]
  return createHash('sha256').update(hidden.join('\n')).digest('base64url')
}

/** Puts a value at the young end of a map and drops the oldest one when there are too many. */
function remember<T>(map: Map<string, T>, key: string, value: T, most: number): void {
  map.delete(key)
  map.set(key, value)
  const [oldest] = map.keys()
  if (map.size > most && oldest !== undefined) map.delete(oldest)
}
