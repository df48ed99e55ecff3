/** A generation as one caller may see it: the only form in which routes get one. */
import { createHash } from 'node:crypto'
import type { Generation } from '../../archive/depot.ts'
import { NO_RIGHTS, type Rights } from '../../domain/rights.ts'
import { type VisibleCatalogue, visibleTo } from '../../domain/visible-catalogue.ts'
import { AnswerMemory } from '../answer-memory.ts'
import { VisibleFolder } from './visible-folder.ts'
import { VisibleReleases } from './visible-releases.ts'

/** What routes see of a generation. */
export interface VisibleGeneration {
  readonly catalogue: VisibleCatalogue
  readonly folder: VisibleFolder
  readonly releases: VisibleReleases
  readonly loadedAt: Date
  /** True when there is anything that not everybody may see. */
  readonly restricts: boolean
  /** Answers made of what is in here. */
  readonly answers: AnswerMemory
  /** Those whose links name the server as the caller does: whoever makes names up must not push the others out. */
  readonly namedAnswers: AnswerMemory
}

/** Makes the view of a generation for a caller. */
export type Viewing = (generation: Generation, rights: Rights) => VisibleGeneration

// Callers with other rights than those remembered see a view that is made anew. A view takes some hundred bytes a tag, so that so many
// tags may be in all views together; the view of everybody is never given up.
const MOST_TAGS = 300_000
const FEWEST_VIEWS = 8
const MOST_RIGHTS = 1000
// Bytes of answers for all names that callers give this server: mostly there are one or two.
const NAMED_ANSWERS = 16 * 1024 * 1024

/** Of all views together: no view takes the memory of the others. */
type Memories = Pick<VisibleGeneration, 'answers' | 'namedAnswers'>

/** Views by what is hidden, and by rights which of them. */
interface Views {
  readonly memories: Memories
  readonly byHidden: Map<string, VisibleGeneration>
  readonly byRights: Map<string, string>
  /** The view of those without any rights. */
  readonly everybody: { readonly sign: string; readonly view: VisibleGeneration }
}

/** A viewing that makes one view for all callers from whom the same is hidden. */
export function sharedViews(): Viewing {
  const all = new WeakMap<Generation, Views>()
  return (generation, rights) => {
    const views = all.get(generation) ?? newViews(generation)
    all.set(generation, views)
    const { byHidden, byRights, everybody, memories } = views
    if (rights.key === '') return everybody.view
    const sign = byRights.get(rights.key) ?? signOf(generation, rights)
    remember(byRights, rights.key, sign, MOST_RIGHTS)
    if (sign === everybody.sign) return everybody.view
    const view = byHidden.get(sign) ?? viewOf(generation, rights, memories)
    remember(byHidden, sign, view, mostViews(generation))
    return view
  }
}

function newViews(generation: Generation): Views {
  const memories = { answers: new AnswerMemory(), namedAnswers: new AnswerMemory(NAMED_ANSWERS) }
  const view = viewOf(generation, NO_RIGHTS, memories)
  const everybody = { sign: signOf(generation, NO_RIGHTS), view }
  return { memories, byHidden: new Map(), byRights: new Map(), everybody }
}

/** The view of a generation for these rights. */
function viewOf(generation: Generation, rights: Rights, memories: Memories): VisibleGeneration {
  const { access, folder, loadedAt, releases } = generation
  const catalogue = visibleTo(rights, generation)
  return {
    catalogue,
    folder: new VisibleFolder({ folder, access, catalogue }),
    releases: new VisibleReleases(releases, hiddenFrom(generation, rights)),
    loadedAt,
    restricts: access.restricts,
    ...memories,
  }
}

function mostViews({ catalogue }: Generation): number {
  return Math.max(FEWEST_VIEWS, Math.floor(MOST_TAGS / Math.max(1, catalogue.archiveCount)))
}

/** Equal for rights from which the same is hidden. */
function signOf(generation: Generation, rights: Rights): string {
  const hidden = [...hiddenFrom(generation, rights)]
  return createHash('sha256').update(hidden.join('\n')).digest('base64url')
}

/** What these rights do not reach, of what is served and of what is in releases only. */
function hiddenFrom({ access, source, releases }: Generation, rights: Rights): Set<string> {
  return new Set([...access.hiddenFrom(rights, source.genomes), ...releases.hiddenFrom(rights)])
}

/** Puts a value at the young end of a map and drops the oldest one when there are too many. */
function remember<T>(map: Map<string, T>, key: string, value: T, most: number): void {
  map.delete(key)
  map.set(key, value)
  const [oldest] = map.keys()
  if (map.size > most && oldest !== undefined) map.delete(oldest)
}
