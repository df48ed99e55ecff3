/** Checks values by schemas that `schema.ts` has made: as fast as generated code, without a library that must be loaded for it. */
import type { Static, TSchema } from '@sinclair/typebox'
import { isOptional, kindOfSchema } from './schema.ts'

type Check = (value: unknown) => boolean
type Fields = Readonly<Record<string, unknown>>

const checks = new WeakMap<TSchema, Check>()

/** True when a value has the shape of a schema; the check of a schema is made once. */
export function conforms<T extends TSchema>(schema: T, value: unknown): value is Static<T> {
  return checkFor(schema)(value)
}

function checkFor(schema: TSchema): Check {
  const known = checks.get(schema)
  if (known !== undefined) return known
  const make = MAKERS[kindOfSchema(schema)]
  if (make === undefined) throw new TypeError(`no check for a schema ${kindOfSchema(schema)}`)
  const check = make(schema)
  checks.set(schema, check)
  return check
}

const MAKERS: Readonly<Record<string, (schema: TSchema) => Check>> = {
  Array: ({ items, minItems = 0 }) => {
    const check = checkFor(items)
    return value => Array.isArray(value) && value.length >= minItems && value.every(check)
  },
  Boolean: () => value => typeof value === 'boolean',
  Integer: ({ minimum = Number.NEGATIVE_INFINITY }) => {
    return value => Number.isInteger(value) && (value as number) >= minimum
  },
  Literal: schema => value => value === schema.const,
  Null: () => value => value === null,
  Object: objectCheck,
  Record: ({ patternProperties }) => {
    const [[pattern, schema]] = Object.entries(patternProperties) as [[string, TSchema]]
    const [key, check] = [new RegExp(pattern), checkFor(schema)]
    return value =>
      isMap(value) && Object.entries(value).every(([name, it]) => !key.test(name) || check(it))
  },
  String: stringCheck,
  Union: ({ anyOf }) => {
    const options = (anyOf as TSchema[]).map(checkFor)
    return value => options.some(check => check(value))
  },
  Unknown: () => () => true,
}

function objectCheck({ properties, additionalProperties }: TSchema): Check {
  const fields = Object.entries(properties as Record<string, TSchema>).map(([name, schema]) => {
    return { name, check: checkFor(schema), optional: isOptional(schema) }
  })
  const closed = additionalProperties === false
  return value =>
    isMap(value) &&
    !(closed && Object.keys(value).some(name => !Object.hasOwn(properties, name))) &&
    fields.every(({ name, check, optional }) => {
      const it = value[name]
      if (it === undefined) return optional || (name in value && check(it))
      return check(it)
    })
}

function stringCheck({ pattern, minLength = 0, maxLength = Infinity }: TSchema): Check {
  const form = pattern === undefined ? undefined : new RegExp(pattern)
  return value =>
    typeof value === 'string' &&
    value.length >= minLength &&
    value.length <= maxLength &&
    (form?.test(value) ?? true)
}

function isMap(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
