/**
 * Which genomes, assets and tags are controlled: marks of configs and policies, resolved to one table.
 *
 * In one source the mark nearest to the tag counts (tag, asset, genome). `open` is open; every other value, also an empty one, is
 * controlled, and so is what names a study without saying more (score: empty access = controlled). Policy and config are two
 * sources: controlled in either is controlled.
 */
import { type CatalogueEntry, entriesOf, registryPathOf } from './catalogue.ts'
import { type Asset, defaultTagOf, type Genome } from './genome.ts'
import type { PathPattern, TagNames } from './path-pattern.ts'
import type { Rights } from './rights.ts'

/** What a config or policy says at one place. */
export interface AccessMark {
  /** Value of the key `access`; undefined when there is no such key. */
  readonly access?: string
  /** Studies that the key `study` names. */
  readonly studies: readonly string[]
}

/** The marks of one source, by place. */
export interface AccessMarks {
  /** True when there is no mark at any place; undefined = look. */
  readonly silent?: boolean
  /** Marks from the tag (if one is given) over the asset (if one is given) to the genome. */
  marksOf(genome: Genome, asset?: string, tag?: string): readonly (AccessMark | undefined)[]
}

/** Studies of a policy: what their patterns match belongs to them. */
export interface StudyRule {
  readonly study: string
  readonly paths: readonly PathPattern[]
  readonly controlled: boolean
}

/** A policy file, read. */
export interface AccessPolicy extends AccessMarks {
  /** Access of everything that nobody says anything of. */
  readonly controlledByDefault: boolean
  readonly rules: readonly StudyRule[]
}

/** What access is decided from. */
export interface AccessSources {
  /** Configs, the one that counts first before the others. */
  readonly configs: readonly AccessMarks[]
  readonly policy?: AccessPolicy
}

/** What is controlled, with the studies that give access to it. */
export class AccessTable {
  readonly #controlled = new Map<string, readonly string[]>()

  constructor(genomes: readonly Genome[], sources: AccessSources) {
    // Most servers control nothing: there is no need to look at every tag for that.
    if (sources.policy === undefined && sources.configs.every(({ silent }) => silent)) return
    for (const genome of genomes) {
      for (const place of placesOf(genome)) {
        const decision = decide(sources, place)
        if (decision.controlled) this.#controlled.set(place.key, decision.studies)
      }
    }
  }

  /** True when anything is controlled. */
  get restricts(): boolean {
    return this.#controlled.size > 0
  }

  /** Number of controlled tags, empty assets and empty genomes. */
  get size(): number {
    return this.#controlled.size
  }

  /** True when a tag is controlled. */
  isControlled(entry: CatalogueEntry): boolean {
    return this.#controlled.has(registryPathOf(entry))
  }

  /** Studies of a controlled tag; undefined when it is open. */
  studiesOf(entry: CatalogueEntry): readonly string[] | undefined {
    return this.#controlled.get(registryPathOf(entry))
  }

  /** True when these rights reach a tag; an open one is reached by everybody. */
  mayRead(rights: Rights, entry: CatalogueEntry): boolean {
    const studies = this.studiesOf(entry)
    return studies === undefined || rights.mayRead(tagNames(entry), studies)
  }

  /** Keys (`digest/asset:tag`; `digest/asset` or `digest` where there is nothing below) of what these rights do not reach. */
  hiddenFrom(rights: Rights, genomes: readonly Genome[]): ReadonlySet<string> {
    const hidden = new Set<string>()
    if (!this.restricts) return hidden
    for (const genome of genomes) {
      for (const { key, names } of placesOf(genome)) {
        const studies = this.#controlled.get(key)
        if (studies !== undefined && !rights.mayRead(names, studies)) hidden.add(key)
      }
    }
    return hidden
  }
}

interface Place {
  readonly key: string
  readonly genome: Genome
  readonly asset?: Asset
  readonly tag?: string
  readonly names: TagNames
}

/** Every tag of a genome; an asset or genome with nothing in it is a place of its own. */
function* placesOf(genome: Genome): Generator<Place> {
  const names = [genome.digest, ...genome.aliases]
  if (genome.assets.size === 0) {
    yield { key: genome.digest, genome, names: { genome: names, asset: '', tag: '' } }
  }
  for (const asset of genome.assets.values()) {
    if (asset.tags.size > 0) continue
    const key = `${genome.digest}/${asset.name}`
    yield { key, genome, asset, names: { genome: names, asset: asset.name, tag: '' } }
  }
  for (const entry of entriesOf(genome)) {
    const { asset, tag } = entry
    yield { key: registryPathOf(entry), genome, asset, tag: tag.name, names: tagNames(entry) }
  }
}

/** The names that a tag goes by in patterns. */
export function tagNames({ genome, asset, tag }: CatalogueEntry): TagNames {
  return { genome: [genome.digest, ...genome.aliases], asset: asset.name, tag: tag.name }
}

interface Decision {
  readonly controlled: boolean
  readonly studies: readonly string[]
}

function decide({ configs, policy }: AccessSources, place: Place): Decision {
  const { genome, asset, tag, names } = place
  const chains = configs.map(config => config.marksOf(genome, asset?.name, tag))
  const ofPolicy = policy?.marksOf(genome, asset?.name, tag) ?? []
  const rules = (policy?.rules ?? []).filter(({ paths }) => paths.some(path => path.matches(names)))
  // The first config that says anything counts: it is the one the operator gave, the other is what the archiver made of it.
  const own = chains.map(chainSays).find(said => said !== undefined)
  const opinions = [own, chainSays(ofPolicy), ...rules.map(rule => saysOf(rule.controlled))]
  const controlled = opinions.includes('controlled')
    ? true
    : !opinions.includes('open') && (policy?.controlledByDefault ?? false)
  const marked = [...chains, ofPolicy].flat().flatMap(mark => mark?.studies ?? [])
  return { controlled, studies: [...new Set([...marked, ...rules.map(({ study }) => study)])] }
}

type Said = 'open' | 'controlled' | undefined

function chainSays(marks: readonly (AccessMark | undefined)[]): Said {
  const speaks = marks.find(mark => mark?.access !== undefined || (mark?.studies.length ?? 0) > 0)
  return speaks && saysOf(speaks.access !== 'open')
}

function saysOf(controlled: boolean): Said {
  return controlled ? 'controlled' : 'open'
}

/**
 * What a relative names (`[genome/]asset[.seek_key][:tag]`, the genome by digest or alias): the genome, and the key of the tag, as far as
 * they are there.
 *
 * @param genomes - by digest and by alias
 * @param owner - the genome that is meant when none is named
 */
export function relativeNamed(
  relative: string,
  genomes: ReadonlyMap<string, Genome>,
  owner: Genome,
): { genome?: Genome; key?: string } {
  const [, name, rest = '', tagName] = /^(?:([^/]+)\/)?([^:]*)(?::(.+))?$/s.exec(relative) ?? []
  const genome = name === undefined ? owner : genomes.get(name)
  if (genome === undefined) return {}
  const asset = assetBefore(genome, rest)
  if (asset === undefined) return { genome }
  return { genome, key: `${genome.digest}/${asset.name}:${tagName ?? defaultTagOf(asset)}` }
}

/** The asset of a text that may end in a seek key; names of assets may hold dots too, so the longest one counts. */
function assetBefore(genome: Genome, text: string): Asset | undefined {
  for (let end = text.length; end > 0; end = text.lastIndexOf('.', end - 1)) {
    const asset = genome.assets.get(text.slice(0, end))
    if (asset !== undefined) return asset
  }
  return undefined
}
