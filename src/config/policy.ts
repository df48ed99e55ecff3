/**
 * Reads a policy: who may see what, in a file of its own, since other tools rewrite genome configs and drop what they do not know.
 *
 *     default: open
 *     require: [licence, source]     # what a tag must say before it is published
 *     genomes:            # keys as in a genome config; a genome by digest or alias
 *       hg38: { access: controlled, study: CLINIC-7 }
 *     studies:            # name → patterns over registry paths; what they match is controlled
 *       CLINIC-7: [hg38/panel_*, lambda/*]
 *
 * The file is refdepot's alone, so a key it does not know is refused: a typing error must not leave anything open.
 */
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { Static, TSchema } from '@sinclair/typebox'
import { type AccessPolicy, type StudyRule, tagNames } from '../domain/access.ts'
import { entriesOf } from '../domain/catalogue.ts'
import type { Genome } from '../domain/genome.ts'
import { type PathPattern, parsePathPattern } from '../domain/path-pattern.ts'
import { PROVENANCE_FIELDS, type ProvenanceField } from '../domain/provenance.ts'
import { STUDY_NAME } from '../domain/rights.ts'
import { Type } from '../domain/schema.ts'
import { marksOfPolicy } from './access-marks.ts'
import { type Problem, refuse, shapeProblems } from './check-config.ts'
import { ConfigUnreadable } from './config-error.ts'
import { MARK } from './genome-config-schema.ts'
import { readYaml } from './read-yaml.ts'

/** A policy with the file it was read from. */
export interface ReadPolicy extends AccessPolicy {
  /** Absolute path. */
  readonly file: string
  /** Fields of the provenance without which nothing is published. */
  readonly require: readonly ProvenanceField[]
  /** What it names that these genomes do not have, one sentence each: most often a typing error. */
  strayNames(genomes: readonly Genome[]): string[]
}

const optionalMap = <T extends TSchema>(values: T, description: string) =>
  Type.Optional(
    Type.Union([Type.Null(), Type.Record(Type.String(), Type.Union([Type.Null(), values]))], {
      description,
    }),
  )
const TAG = Type.Object(MARK, { description: 'a map with access and study' })
const ASSET = Type.Object(
  { ...MARK, tags: optionalMap(TAG, 'a map of tag name to tag') },
  { description: 'a map with access, study and tags' },
)
const GENOME = Type.Object(
  { ...MARK, assets: optionalMap(ASSET, 'a map of asset name to asset') },
  { description: 'a map with access, study and assets' },
)
const PATTERNS = Type.Array(Type.String(), { description: 'a list of patterns' })
const STUDY = Type.Object(
  { access: MARK.access, paths: PATTERNS },
  { description: 'a map with paths and access' },
)
const FIELDS = PROVENANCE_FIELDS.map(field => Type.Literal(field))
const REQUIRED = PROVENANCE_FIELDS.join(', ')
const POLICY = Type.Object(
  {
    default: Type.Optional(Type.String({ description: 'open or controlled' })),
    require: Type.Optional(
      Type.Union([Type.Null(), Type.Array(Type.Union(FIELDS, { description: REQUIRED }))], {
        description: `a list of ${REQUIRED}`,
      }),
    ),
    genomes: optionalMap(GENOME, 'a map of genome to genome'),
    studies: Type.Optional(
      Type.Union([Type.Null(), Type.Record(Type.String(), Type.Union([PATTERNS, STUDY]))], {
        description: 'a map of study to patterns over registry paths',
      }),
    ),
  },
  { description: 'a map with default, require, genomes and studies' },
)

type RawPolicy = Static<typeof POLICY>
type RawPlaces = Record<string, RawPlace | null>
interface RawPlace {
  assets?: RawPlaces | null
  tags?: RawPlaces | null
}

/**
 * Reads and checks a policy.
 *
 * @throws ConfigUnreadable when the file cannot be read
 * @throws ConfigInvalid naming file, line, key and what is allowed
 */
export async function readPolicy(path: string): Promise<ReadPolicy> {
  const file = resolve(path)
  const text = await readFile(file, 'utf8').catch(error => {
    throw new ConfigUnreadable(file, error, 'the policy')
  })
  const value = readYaml(text, file) ?? {}
  refuse(shapeProblems(POLICY, value), text, file)
  const raw = value as RawPolicy
  refuse([...unknownKeys(raw), ...badStudies(raw), ...saysNothing(raw)], text, file)
  return {
    file,
    controlledByDefault: raw.default !== undefined && raw.default !== 'open',
    rules: rulesOf(raw),
    require: raw.require ?? [],
    ...marksOfPolicy(raw.genomes ?? {}),
    strayNames: genomes => strayNames(raw, genomes),
  }
}

function rulesOf({ studies }: RawPolicy): StudyRule[] {
  return Object.entries(studies ?? {}).map(([study, value]) => {
    const { paths, access = 'controlled' } = Array.isArray(value) ? { paths: value } : value
    const patterns = paths.map(path => parsePathPattern(path) as PathPattern)
    return { study, paths: patterns, controlled: access !== 'open' }
  })
}

function unknownKeys(raw: RawPolicy): Problem[] {
  const problems: Problem[] = []
  const check = (value: object | null, schema: TSchema, path: readonly string[]) => {
    const allowed = Object.keys(schema.properties)
    for (const key of Object.keys(value ?? {})) {
      if (allowed.includes(key)) continue
      problems.push({ path: [...path, key], message: `is unknown; allowed: ${allowed.join(', ')}` })
    }
  }
  check(raw, POLICY, [])
  for (const { path, value, schema } of placesIn(raw)) check(value, schema, path)
  for (const [name, study] of Object.entries(raw.studies ?? {})) {
    if (!Array.isArray(study)) check(study, STUDY, ['studies', name])
  }
  return problems
}

function* placesIn(raw: RawPolicy) {
  for (const [genome, ofGenome] of Object.entries((raw.genomes ?? {}) as RawPlaces)) {
    yield { path: ['genomes', genome], value: ofGenome, schema: GENOME as TSchema }
    for (const [asset, ofAsset] of Object.entries(ofGenome?.assets ?? {})) {
      const path = ['genomes', genome, 'assets', asset]
      yield { path, value: ofAsset, schema: ASSET as TSchema }
      for (const [tag, ofTag] of Object.entries(ofAsset?.tags ?? {})) {
        yield { path: [...path, 'tags', tag], value: ofTag, schema: TAG as TSchema }
      }
    }
  }
}

function badStudies({ studies }: RawPolicy): Problem[] {
  return Object.entries(studies ?? {}).flatMap(([study, value]) => {
    const path = ['studies', study]
    const name = STUDY_NAME.test(study)
      ? []
      : [{ path, message: 'is no usable name; allowed: letters, digits, _ . -' }]
    const paths = Array.isArray(value) ? value : value.paths
    const bad = paths.filter(text => parsePathPattern(text) === undefined)
    return [
      ...name,
      ...bad.map(text => ({
        path,
        message: `has '${text}', which is no pattern such as hg38/fasta:default, hg38/* or */panel_*`,
      })),
    ]
  })
}

/** What says nothing was cut off, or is not finished: it must not count as `everything is open`. */
function saysNothing(raw: RawPolicy): Problem[] {
  const count = (map: object | null | undefined) => Object.keys(map ?? {}).length
  if (raw.default === undefined && count(raw.genomes) + count(raw.studies) === 0) {
    const what = raw.require == null ? 'is empty' : 'says nothing of access'
    const message = `the policy ${what}; if everything is to be open, write \`default: open\``
    return [{ path: [], message }]
  }
  const places = [...placesIn(raw)].filter(({ value }) => count(value) === 0)
  const empty = places.map(({ path, schema }) => ({
    path,
    message: `says nothing; give ${Object.keys(schema.properties).join(', ')}`,
  }))
  const studies = Object.entries(raw.studies ?? {}).filter(
    ([, value]) => (Array.isArray(value) ? value : value.paths).length === 0,
  )
  return [
    ...empty,
    ...studies.map(([study]) => ({
      path: ['studies', study],
      message: 'has no pattern; give at least one',
    })),
  ]
}

function strayNames(raw: RawPolicy, genomes: readonly Genome[]): string[] {
  const named = new Map<string, Genome>()
  for (const genome of genomes) {
    for (const name of [genome.digest, ...genome.aliases]) named.set(name, genome)
  }
  const places = [...placesIn(raw)].flatMap(({ path }) => {
    const [, genomeName = '', , assetName, , tagName] = path
    const genome = named.get(genomeName)
    const asset = assetName === undefined ? undefined : genome?.assets.get(assetName)
    const known =
      genome !== undefined &&
      (assetName === undefined || asset !== undefined) &&
      (tagName === undefined || asset?.tags.has(tagName) === true)
    return known ? [] : [`the policy names ${path.join('.')}, which is not in the config`]
  })
  return [...places, ...strayPatterns(raw, genomes)]
}

function strayPatterns(raw: RawPolicy, genomes: readonly Genome[]): string[] {
  const tags = genomes.flatMap(genome => [...entriesOf(genome)].map(tagNames))
  return rulesOf(raw).flatMap(({ study, paths }) =>
    paths
      .filter(path => !tags.some(names => path.matches(names)))
      .map(({ text }) => `the pattern ${text} of study ${study} matches nothing in the config`),
  )
}
