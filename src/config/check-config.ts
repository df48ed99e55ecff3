/** Checks the shape of a config and lists what it does not know. */
import type { TSchema } from '@sinclair/typebox'
import { conforms } from '../domain/schema-check.ts'
import { ConfigInvalid } from './config-error.ts'
import {
  ASSET_SCHEMA,
  CONFIG_SCHEMA,
  GENOME_SCHEMA,
  type RawAsset,
  type RawConfig,
  type RawGenome,
  TAG_SCHEMA,
} from './genome-config-schema.ts'
import { lineFinder } from './read-yaml.ts'

// More problems than this are not read by anybody; the first ones mostly explain the rest.
const MOST_PROBLEMS = 20

/** Something wrong at a place in a file. */
export interface Problem {
  /** Keys from the top to the place. */
  readonly path: readonly string[]
  readonly message: string
}

/**
 * The value as a config, when its shape is right.
 *
 * @param text - the source, read again for line numbers when there is a problem
 * @throws ConfigInvalid with file, line, key and what is allowed, for each problem
 */
export function checkConfig(value: unknown, text: string, file: string): RawConfig {
  const found = conforms(CONFIG_SCHEMA, value)
    ? nameProblems(value)
    : shapeProblems(CONFIG_SCHEMA, value)
  refuse(found, text, file)
  return value as RawConfig
}

/**
 * Refuses what is found in a text, with file, line and key.
 *
 * @throws ConfigInvalid when anything is found
 */
export function refuse(found: readonly Problem[], text: string, file: string): void {
  if (found.length === 0) return
  const lineOf = lineFinder(text)
  throw new ConfigInvalid(
    found.slice(0, MOST_PROBLEMS).map(({ path, message }) => {
      const line = lineOf(path)
      return {
        file,
        ...(line !== undefined && { line }),
        ...(path.length > 0 && { key: path.join('.') }),
        message,
      }
    }),
  )
}

/** Where a value does not have the shape of a schema, at the deepest places. */
export function shapeProblems(top: TSchema, value: unknown): Problem[] {
  const problems: Problem[] = []
  const walk = (schema: TSchema, at: unknown, path: readonly string[]) => {
    if (conforms(schema, at)) return
    const before = problems.length
    const branch = branchFor(schema, at)
    const children = typeof at === 'object' && at !== null ? Object.entries(at) : []
    for (const [key, child] of children) {
      const childSchema = branch?.properties?.[key] ?? branch?.items ?? recordValue(branch)
      if (childSchema !== undefined) walk(childSchema, child, [...path, key])
    }
    if (problems.length === before) {
      problems.push({ path, message: `must be ${wanted(schema)}, not ${kindOf(at)}` })
    }
  }
  walk(top, value, [])
  return problems
}

/** The part of a union that a value means to be: the one for maps, lists or texts. */
function branchFor(schema: TSchema, value: unknown): TSchema | undefined {
  const options: TSchema[] = schema.anyOf ?? [schema]
  const type = Array.isArray(value) ? 'array' : value === null ? 'null' : typeof value
  return options.find(option => option.type === type)
}

function recordValue(schema: TSchema | undefined): TSchema | undefined {
  const patterns: TSchema[] = Object.values(schema?.patternProperties ?? {})
  return patterns[0]
}

function wanted(schema: TSchema): string {
  if (schema.description !== undefined) return schema.description
  const described = (schema.anyOf ?? []).find((option: TSchema) => option.description !== undefined)
  return described?.description ?? 'a text'
}

function kindOf(value: unknown): string {
  if (value === null || value === undefined) return 'empty'
  if (Array.isArray(value)) return 'a list'
  return typeof value === 'object' ? 'a map' : `'${value}'`
}

/** Names become parts of paths and URLs, so what would leave a folder or break a URL is refused at the door. */
function nameProblems(value: RawConfig): Problem[] {
  const problems: Problem[] = []
  const check = (path: string[], name: string, allowed: RegExp, wording: string) => {
    if (name === '.' || name === '..' || !allowed.test(name)) {
      problems.push({ path, message: `is no usable name; allowed: ${wording}` })
    }
  }
  for (const [digest, genome] of Object.entries(value.genomes ?? {})) {
    const at = ['genomes', digest]
    check(at, digest, /^[^\s/\\\0]+$/, 'no blanks, slashes or backslashes')
    for (const alias of genome?.aliases ?? []) {
      check([...at, 'aliases'], alias, /^[^/\\\0]+$/, 'no slashes or backslashes')
    }
    for (const [name, asset] of Object.entries(genome?.assets ?? {})) {
      check([...at, 'assets', name], name, /^[^\s/\\:\0]+$/, 'no blanks, slashes or colons')
      for (const tag of Object.keys(asset?.tags ?? {})) {
        const path = [...at, 'assets', name, 'tags', tag]
        check(path, tag, /^[^\s/\\:\0]+$/, 'no blanks, slashes or colons')
      }
    }
  }
  return problems
}

/** One line a key that nobody reads, with where and how often it occurs: a typing error, or another tool's key. */
export function unknownKeys(config: RawConfig): string[] {
  const counts = new Map<string, number>()
  const note = (value: object, schema: TSchema, level: string) => {
    for (const key of Object.keys(value)) {
      if (key in schema.properties) continue
      const name = `${key} (${level})`
      counts.set(name, (counts.get(name) ?? 0) + 1)
    }
  }
  note(config, CONFIG_SCHEMA, 'top level')
  for (const genome of present<RawGenome>(config.genomes)) {
    note(genome, GENOME_SCHEMA, 'genome')
    for (const asset of present<RawAsset>(genome.assets)) {
      note(asset, ASSET_SCHEMA, 'asset')
      for (const tag of present<object>(asset.tags)) note(tag, TAG_SCHEMA, 'tag')
    }
  }
  return [...counts].map(([name, count]) => (count === 1 ? name : `${name}, ${count} times`))
}

function present<T extends object>(map: Record<string, T | null> | null | undefined): T[] {
  return Object.values(map ?? {}).filter(value => value !== null)
}
