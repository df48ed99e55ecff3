/**
 * Checks the parameters of API v3 in the peer's words: clients and tests know these 422 answers.
 *
 * Rules and texts are those of the peer's framework (reference §5, table "Validation"); path before query, one item a parameter.
 */
import { GENOME_DIGEST_LENGTH } from '../domain/digest.ts'
import type { VisibleGeneration } from './access/visible-generation.ts'
import { RefgenieError } from './errors.ts'

/** Where a parameter stands. */
type ParameterPlace = 'path' | 'query'

/** What a parameter must look like. */
export type ParameterRule =
  | { readonly kind: 'genome' }
  | { readonly kind: 'word' }
  | { readonly kind: 'boolean' }
  | {
      readonly kind: 'enum'
      readonly allowed: (generation: VisibleGeneration) => readonly string[]
    }

/** One parameter of a route. */
export interface Parameter {
  readonly place: ParameterPlace
  readonly name: string
  readonly rule: ParameterRule
}

/** What a request says of its parameters. */
export interface ParameterValues {
  readonly generation: VisibleGeneration
  path(name: string): string
  /** Undefined when the request does not carry it. */
  query(name: string): string | undefined
}

const BOOLEANS = new Map([
  ...['true', '1', 'yes', 'on', 't', 'y'].map(word => [word, true] as const),
  ...['false', '0', 'no', 'off', 'f', 'n'].map(word => [word, false] as const),
])

/** The boolean a query value stands for; undefined when it stands for none. */
export function parseBoolean(value: string): boolean | undefined {
  return BOOLEANS.get(value.toLowerCase())
}

/** Throws the peer's 422 when a parameter does not validate. */
export function validate(parameters: readonly Parameter[], values: ParameterValues): void {
  let items: object[] | undefined
  for (const { place, name, rule } of parameters) {
    const value = place === 'path' ? values.path(name) : values.query(name)
    const fault = value === undefined ? undefined : faultOf(rule, value, values.generation)
    if (fault === undefined) continue
    const { type, msg, ctx } = fault
    items ??= []
    items.push({ type, loc: [place, name], msg, input: value, ...(ctx && { ctx }) })
  }
  if (items !== undefined) throw new RefgenieError(422, items)
}

interface Fault {
  readonly type: string
  readonly msg: string
  readonly ctx?: object
}

function faultOf(
  rule: ParameterRule,
  value: string,
  generation: VisibleGeneration,
): Fault | undefined {
  if (rule.kind === 'genome') return genomeFault(value)
  if (rule.kind === 'word') return /^\S+$/.test(value) ? undefined : pattern('^\\S+$')
  if (rule.kind === 'boolean') {
    if (parseBoolean(value) !== undefined) return undefined
    const msg = 'Input should be a valid boolean, unable to interpret input'
    return { type: 'bool_parsing', msg }
  }
  const allowed = rule.allowed(generation)
  if (allowed.includes(value)) return undefined
  const quoted = allowed.map(name => `'${name}'`)
  const last = quoted.pop()
  const expected = quoted.length === 0 ? String(last) : `${quoted.join(', ')} or ${last}`
  return { type: 'enum', msg: `Input should be ${expected}`, ctx: { expected } }
}

const SOUND_GENOME = new RegExp(`^[A-Za-z0-9_]{${GENOME_DIGEST_LENGTH}}$`)

function genomeFault(value: string): Fault | undefined {
  if (SOUND_GENOME.test(value)) return undefined
  const length = [...value].length
  if (length < GENOME_DIGEST_LENGTH) {
    const msg = `String should have at least ${GENOME_DIGEST_LENGTH} characters`
    return { type: 'string_too_short', msg, ctx: { min_length: GENOME_DIGEST_LENGTH } }
  }
  if (length > GENOME_DIGEST_LENGTH) {
    const msg = `String should have at most ${GENOME_DIGEST_LENGTH} characters`
    return { type: 'string_too_long', msg, ctx: { max_length: GENOME_DIGEST_LENGTH } }
  }
  return /^[\p{L}\p{N}_]+$/u.test(value) ? undefined : pattern('^\\w+$')
}

function pattern(expression: string): Fault {
  return {
    type: 'string_pattern_mismatch',
    msg: `String should match pattern '${expression}'`,
    ctx: { pattern: expression },
  }
}
