import { deepStrictEqual, equal } from 'node:assert'
import * as typebox from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'
import fc from 'fast-check'
import t from 'tap'
import { CONFIG_SCHEMA } from '../../src/config/genome-config-schema.ts'
import { Type } from '../../src/domain/schema.ts'
import { conforms } from '../../src/domain/schema-check.ts'
import { GENERATED_CONFIG } from '../support/generated-configs.ts'

const RUNS = 2000

/** One of each, with whatever it can be given. */
function schemasOf(make: typeof Type): Record<string, typebox.TSchema> {
  const text = make.String({ description: 'a text', pattern: '^a', minLength: 1, maxLength: 3 })
  return {
    text,
    plain: make.String(),
    whole: make.Integer({ minimum: 0 }),
    any: make.Unknown(),
    nothing: make.Null(),
    yes: make.Boolean({ description: 'yes' }),
    word: make.Literal('word'),
    one: make.Literal(1),
    list: make.Array(text, { minItems: 1 }),
    map: make.Record(make.String(), text, { description: 'a map' }),
    either: make.Union([make.Null(), text], { description: 'either' }),
    single: make.Union([text]),
    ref: make.Ref('Other'),
    empty: make.Object({}, { additionalProperties: false }),
    loose: make.Object({ a: make.Optional(make.Unknown()) }),
    object: make.Object(
      { a: text, b: make.Optional(make.Integer()), c: make.Unknown() },
      { $id: 'It', description: 'an object' },
    ),
  }
}

t.test('schemas are those of TypeBox, to the order of their keys and their marks', t => {
  const [own, its] = [schemasOf(Type), schemasOf(typebox.Type)]
  for (const [name, schema] of Object.entries(its)) {
    deepStrictEqual(own[name], schema, name)
    t.equal(JSON.stringify(own[name]), JSON.stringify(schema), name)
  }
  t.end()
})

t.test('what conforms does so for TypeBox too', t => {
  const { ref, ...schemas } = schemasOf(Type)
  const value = fc.anything({
    key: fc.constantFrom('a', 'b', 'c', 'x\ny', 'toString'),
    values: [
      fc.constantFrom('a', 'ab', 'abcd', 'b', '', 'word', null, undefined, true),
      fc.integer({ min: -1, max: 2 }),
      fc.double(),
    ],
    maxKeys: 3,
  })
  let accepted = 0
  fc.assert(
    fc.property(value, value => {
      for (const [name, schema] of Object.entries(schemas)) {
        const said = conforms(schema, value)
        equal(said, Value.Check(schema, value), name)
        if (said && name !== 'any') accepted += 1
      }
    }),
    { numRuns: RUNS, seed: 20261121 },
  )
  t.ok(accepted > RUNS / 4)
  t.throws(() => conforms(ref as typebox.TSchema, {}), /no check for a schema Ref/)
  t.end()
})

t.test(
  'whether a config has the right shape is decided as TypeBox does, also where it is spoiled',
  t => {
    const other = fc.constantFrom([], {}, 1, null)
    const spoiled = fc.tuple(GENERATED_CONFIG, fc.nat({ max: 40 }), other)
    let refused = 0
    fc.assert(
      fc.property(spoiled, ([text, at, other]) => {
        let place = 0
        const changed = JSON.parse(text, (_key, value) => {
          place += 1
          return place === at ? other : value
        })
        for (const config of [JSON.parse(text), changed]) {
          const said = conforms(CONFIG_SCHEMA, config)
          equal(said, Value.Check(CONFIG_SCHEMA, config))
          if (!said) refused += 1
        }
      }),
      { numRuns: RUNS / 4, seed: 20261121 },
    )
    t.ok(refused > RUNS / 40, 'both ways were gone')
    t.end()
  },
)
