/**
 * Makes JSON schemas of the parts that we use, with the types of TypeBox.
 *
 * TypeBox itself is 250 files, a fifth of what a server loaded at its start; all it does here is to write down objects. What is made is what
 * TypeBox makes, marks included, so its own checks and types go on working with it; a test compares both.
 */
import type { JavaScriptTypeBuilder, TSchema } from '@sinclair/typebox'

type Options = Readonly<Record<string, unknown>>
type Properties = Readonly<Record<string, TSchema>>

const KIND = Symbol.for('TypeBox.Kind')
const OPTIONAL = Symbol.for('TypeBox.Optional')

// Every key, as TypeBox writes it.
const ANY_KEY = '^(.*)$'

const made = (kind: string, schema: object, options?: Options): object => ({
  ...options,
  [KIND]: kind,
  ...schema,
})

/** What kind of schema it is: `Object`, `String`, …. */
export function kindOfSchema(schema: TSchema): string {
  return (schema as unknown as Record<symbol, string>)[KIND] as string
}

/** True for a property that may be left out. */
export function isOptional(schema: TSchema): boolean {
  return OPTIONAL in schema
}

const builder = {
  Array: (items: TSchema, options?: Options) => made('Array', { type: 'array', items }, options),
  Boolean: (options?: Options) => made('Boolean', { type: 'boolean' }, options),
  Integer: (options?: Options) => made('Integer', { type: 'integer' }, options),
  Literal: (value: unknown, options?: Options) =>
    made('Literal', { const: value, type: typeof value }, options),
  Null: (options?: Options) => made('Null', { type: 'null' }, options),
  Object: (properties: Properties, options?: Options) => {
    const required = Object.keys(properties).filter(key => !isOptional(properties[key] as TSchema))
    const named = required.length > 0 ? { required, properties } : { properties }
    return made('Object', { type: 'object', ...named }, options)
  },
  Optional: (schema: TSchema): object => ({ ...schema, [OPTIONAL]: 'Optional' }),
  Record: (_key: TSchema, value: TSchema, options?: Options) =>
    made('Record', { type: 'object', patternProperties: { [ANY_KEY]: value } }, options),
  Ref: ($ref: string, options?: Options) => made('Ref', { $ref }, options),
  String: (options?: Options) => made('String', { type: 'string' }, options),
  Union: (anyOf: readonly TSchema[], options?: Options): object =>
    anyOf.length === 1 ? { ...options, ...anyOf[0] } : made('Union', { anyOf }, options),
  Unknown: (options?: Options) => made('Unknown', {}, options),
}

/** Makes schemas, as `Type` of TypeBox does. */
export const Type = builder as unknown as Pick<JavaScriptTypeBuilder, keyof typeof builder>
