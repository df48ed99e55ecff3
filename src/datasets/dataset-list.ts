/**
 * Reads `datasets.json` of vcpipe-refdata: what should be there, and in which version.
 *
 *     {"capturekit": {"data_types": ["common"], "kinds": {"agilent_sureselect_v05": {"version": "v1.0"}}}}
 */
import { readFile } from 'node:fs/promises'
import { type Static, Type } from '@sinclair/typebox'
import { parseDocument } from 'yaml'
import { type Problem, refuse, shapeProblems } from '../config/check-config.ts'
import { ConfigInvalid, ConfigUnreadable, SettingInvalid } from '../config/config-error.ts'
import { type Dataset, NAME_RULE, TYPE_RULE } from '../domain/dataset.ts'

const NAMES_OF_TYPES = ['data_types', 'data-types', 'types'] as const
const DEFAULT_TYPES = ['common']

const types = Type.Optional(
  Type.Array(Type.String({ description: 'the name of a data type' }), {
    description: 'a list of data types, such as ["common"]',
    minItems: 1,
  }),
)
const TYPES = { data_types: types, 'data-types': types, types }

const KIND = Type.Object(
  {
    ...TYPES,
    version: Type.Optional(Type.String({ description: 'a text in quotes, such as "v1.0"' })),
    description: Type.Optional(Type.Unknown()),
  },
  { description: 'a map with a version' },
)

const NATURE = Type.Object(
  {
    ...TYPES,
    kinds: Type.Optional(
      Type.Record(Type.String(), KIND, { description: 'a map of kind to {"version": …}' }),
    ),
  },
  { description: 'a map with kinds' },
)

const LIST = Type.Record(Type.String(), NATURE, { description: 'a map of nature to {"kinds": …}' })

/** A dataset that should be there. */
export interface WantedDataset extends Dataset {
  /** What `datasets.json` says of it, for people. */
  readonly description?: string
}

/** Which datasets are meant; an empty list leaves none out. */
export interface Selection {
  readonly natures: readonly string[]
  readonly types: readonly string[]
  readonly kinds: readonly string[]
}

/**
 * The datasets that a file lists, in its order.
 *
 * @throws ConfigUnreadable; ConfigInvalid naming file, line, field and what is allowed
 */
export async function readDatasets(file: string): Promise<WantedDataset[]> {
  const text = await readFile(file, 'utf8').catch(error => {
    throw new ConfigUnreadable(file, error, 'the list of datasets')
  })
  const value = parsed(text, file)
  refuse(shapeProblems(LIST, withoutRemarks(value)), text, file)
  const list = withoutRemarks(value) as Static<typeof LIST>
  refuse(contentProblems(list), text, file)
  return Object.entries(list).flatMap(([nature, ofNature]) =>
    Object.entries(ofNature.kinds ?? {}).flatMap(([kind, ofKind]) =>
      typesOf(ofKind, ofNature).map(type => ({
        nature,
        type,
        kind,
        version: ofKind.version ?? '',
        ...(typeof ofKind.description === 'string' && { description: ofKind.description }),
      })),
    ),
  )
}

/**
 * The datasets that a selection means.
 *
 * @throws SettingInvalid naming what selects nothing, with what there is
 */
export function selectDatasets(
  datasets: readonly WantedDataset[],
  { natures, types, kinds }: Selection,
): WantedDataset[] {
  const by = (flag: string, asked: readonly string[], nameOf: (dataset: Dataset) => string) => {
    const names = new Set(datasets.map(nameOf))
    for (const name of asked) {
      if (!names.has(name)) throw new SettingInvalid(flag, name, `one of ${[...names].join(', ')}`)
    }
    return (dataset: Dataset) => asked.length === 0 || asked.includes(nameOf(dataset))
  }
  const rules = [
    by('--nature', natures, ({ nature }) => nature),
    by('--data-type', types, ({ type }) => type),
    by('--kind-id', kinds, ({ kind }) => kind),
  ]
  const selected = datasets.filter(dataset => rules.every(rule => rule(dataset)))
  if (selected.length > 0 || datasets.length === 0) return selected
  const asked = [...natures, ...types, ...kinds].join(' with ')
  throw new SettingInvalid('the selection', asked, 'names that some dataset has all of')
}

function parsed(text: string, file: string): unknown {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    const { message } = error as Error
    // What ends too early is told by its last line.
    const end = text.trimEnd().length
    const position = Math.min(Number(/position (\d+)/.exec(message)?.[1] ?? end), end)
    const line = text.slice(0, position).split('\n').length
    throw new ConfigInvalid([{ file, line, message: `is not JSON: ${message}` }])
  }
  // JSON takes the last of two equal keys without a word: a dataset would be gone.
  const twice = parseDocument(text).errors.find(({ code }) => code === 'DUPLICATE_KEY')
  if (twice === undefined) return value
  const line = text.slice(0, twice.pos[0]).split('\n').length
  throw new ConfigInvalid([{ file, line, message: 'has a key that occurs twice in the same map' }])
}

/** Without keys such as `$schema` and `_comment`, which name no nature. */
function withoutRemarks(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  return Object.fromEntries(Object.entries(value).filter(([key]) => !/^[$_]/.test(key)))
}

function contentProblems(list: Static<typeof LIST>): Problem[] {
  const problems: Problem[] = []
  const check = (path: string[], name: string, rule: typeof NAME_RULE | typeof TYPE_RULE) => {
    if (rule.pattern.test(name)) return
    problems.push({ path, message: `is no usable name ('${name}'); allowed: ${rule.wording}` })
  }
  for (const [nature, ofNature] of Object.entries(list)) {
    check([nature], nature, NAME_RULE)
    if (ofNature.kinds === undefined) {
      problems.push({ path: [nature], message: 'has no kinds; write "kinds": {…}' })
    }
    for (const type of typesOf(ofNature)) check([nature], type, TYPE_RULE)
    for (const [kind, ofKind] of Object.entries(ofNature.kinds ?? {})) {
      const path = [nature, 'kinds', kind]
      check(path, kind, NAME_RULE)
      for (const type of typesOf(ofKind)) check(path, type, TYPE_RULE)
      if (ofKind.version !== undefined) check([...path, 'version'], ofKind.version, NAME_RULE)
      else problems.push({ path, message: 'has no version; write "version": "v1.0"' })
    }
  }
  return problems
}

type OfTypes = Partial<Record<(typeof NAMES_OF_TYPES)[number], string[]>>

/** The data types of the first level that names any. */
function typesOf(...levels: readonly OfTypes[]): string[] {
  for (const level of levels) {
    for (const name of NAMES_OF_TYPES) {
      const found = level[name]
      if (found !== undefined) return [...new Set(found)]
    }
  }
  return DEFAULT_TYPES
}
