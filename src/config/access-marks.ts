/** The keys `access` and `study` of a config or policy, by place. */
import type { AccessMark, AccessMarks } from '../domain/access.ts'
import type { Genome } from '../domain/genome.ts'

/** The two keys as a file has them. */
interface RawMark {
  readonly access?: string | null
  readonly study?: string | readonly string[] | null
}

/** A tree of genomes, assets and tags that may carry marks. */
export type MarkedGenomes = Readonly<Record<string, MarkedGenome | null>>

interface MarkedGenome extends RawMark {
  readonly assets?: Readonly<Record<string, MarkedAsset | null>> | null
}

interface MarkedAsset extends RawMark {
  readonly tags?: Readonly<Record<string, RawMark | null>> | null
}

/** The marks of a genome config, whose genomes are named by digest. */
export function marksOfConfig(genomes: MarkedGenomes): AccessMarks {
  const silent = Object.keys(genomes).length === 0
  return { silent, ...marksOf(genomes, ({ digest }) => [digest]) }
}

/** What of a config carries marks: those places with their marks, and nothing else. */
export function markedPlaces(genomes: MarkedGenomes): MarkedGenomes {
  return placesWith(genomes, ({ assets, ...genome }) => {
    const marked = placesWith(assets ?? {}, ({ tags, ...asset }) => {
      const below = placesWith(tags ?? {}, onlyMarks)
      return withBelow(onlyMarks(asset), 'tags', below)
    })
    return withBelow(onlyMarks(genome), 'assets', marked)
  })
}

function placesWith<T, M>(
  places: Readonly<Record<string, T | null>>,
  pick: (place: T) => M | undefined,
): Record<string, M> {
  const picked = Object.entries(places).flatMap(([name, place]) => {
    const marked = place === null ? undefined : pick(place)
    return marked === undefined ? [] : [[name, marked] as const]
  })
  return Object.fromEntries(picked)
}

function onlyMarks({ access, study }: RawMark): RawMark | undefined {
  if (access === undefined && study === undefined) return undefined
  return { ...(access !== undefined && { access }), ...(study !== undefined && { study }) }
}

function withBelow(marks: RawMark | undefined, name: string, below: object): object | undefined {
  if (Object.keys(below).length === 0) return marks
  return { ...marks, [name]: below }
}

/** The marks of a policy, whose genomes may be named by any alias too. */
export function marksOfPolicy(genomes: MarkedGenomes): AccessMarks {
  return marksOf(genomes, ({ digest, aliases }) => [digest, ...aliases])
}

function marksOf(
  genomes: MarkedGenomes,
  namesOf: (genome: Genome) => readonly string[],
): AccessMarks {
  return {
    marksOf: (genome, asset, tag) => {
      const found = namesOf(genome).map(name => own(genomes, name))
      const assets = found.map(it => own(it?.assets, asset))
      const tags = assets.map(it => own(it?.tags, tag))
      return [...level(tags), ...level(assets), ...level(found)]
    },
  }
}

/** The value of a key; the names of a file may be ones that every object has. Places that say nothing were refused or left out before. */
function own<T>(
  values: Readonly<Record<string, T | null>> | null | undefined,
  key: string | undefined,
) {
  if (values == null || key === undefined || !Object.hasOwn(values, key)) return undefined
  return values[key] as T
}

/** When a genome stands in a policy under two names, the stricter one counts. */
function level(marks: readonly (RawMark | undefined)[]): AccessMark[] {
  const read = marks.flatMap(mark => (mark === undefined ? [] : [markOf(mark)]))
  return read.sort((a, b) => Number(a.access === 'open') - Number(b.access === 'open'))
}

function markOf({ access, study }: RawMark): AccessMark {
  const studies = [study ?? []].flat()
  // A key without a value is a value that is not `open`.
  const unfinished = access === null || (study !== undefined && studies.length === 0)
  const said = access ?? (unfinished ? '' : undefined)
  return { ...(said !== undefined && { access: said }), studies }
}
