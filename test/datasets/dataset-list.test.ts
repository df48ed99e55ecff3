import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { readDatasets, selectDatasets } from '../../src/datasets/dataset-list.ts'

async function listed(t: Test, text: string) {
  const file = join(t.testdir(), 'datasets.json')
  await writeFile(file, text)
  return readDatasets(file)
}

const LIST = `{
  "$schema": "x",
  "_comment": "what is wanted",
  "capturekit": {
    "data_types": ["common"],
    "kinds": {
      "agilent_sureselect_v05": {"version": "ousamgv1.0", "description": "Exome", "more": 1},
      "panel+x": {"version": "v1.0", "types": ["common", "extra", "extra"]}
    },
    "owner": "ousamg"
  },
  "mutect2": {"data-types": ["somatic"], "kinds": {"pon": {"version": "2"}}},
  "genomic": {"kinds": {"gnomad": {"version": "r2.1.1"}, "none": {"version": "1", "description": 7}}}
}`

t.test('a list of vcpipe-refdata is read in its order', async t => {
  t.strictSame(await listed(t, LIST), [
    {
      nature: 'capturekit',
      type: 'common',
      kind: 'agilent_sureselect_v05',
      version: 'ousamgv1.0',
      description: 'Exome',
    },
    { nature: 'capturekit', type: 'common', kind: 'panel+x', version: 'v1.0' },
    { nature: 'capturekit', type: 'extra', kind: 'panel+x', version: 'v1.0' },
    { nature: 'mutect2', type: 'somatic', kind: 'pon', version: '2' },
    { nature: 'genomic', type: 'common', kind: 'gnomad', version: 'r2.1.1' },
    { nature: 'genomic', type: 'common', kind: 'none', version: '1' },
  ])
  t.same(await listed(t, '{}'), [])
})

t.test('what is wrong in a list is told with file, line, field and what is allowed', async t => {
  const cases: [string, RegExp][] = [
    ['{\n  "a": {\n', /datasets\.json:2: is not JSON: /],
    ['{"a": {"kinds": {}},\n "a": x}', /datasets\.json:\d: is not JSON: /],
    [
      '{\n"a": {"kinds": {}},\n"a": {"kinds": {}}\n}',
      /datasets\.json:3: has a key that occurs twice in the same map/,
    ],
    ['[]', /datasets\.json(:1)?: must be a map of nature to \{"kinds": …\}, not a list/],
    ['null', /must be a map of nature to \{"kinds": …\}, not empty/],
    ['{"a": 1}', /datasets\.json:1: a must be a map with kinds, not '1'/],
    ['{\n\n"a": {}}', /datasets\.json:3: a has no kinds; write "kinds": \{…\}/],
    ['{"a": {"kinds": []}}', /a\.kinds must be a map of kind to \{"version": …\}, not a list/],
    ['{"a": {"kinds": {"x": "v1"}}}', /a\.kinds\.x must be a map with a version, not 'v1'/],
    ['{"a": {"kinds": {\n"x": {}}}}', /:2: a\.kinds\.x has no version; write "version": "v1\.0"/],
    [
      '{"a": {"kinds": {"x": {"version": 1.0}}}}',
      /a\.kinds\.x\.version must be a text in quotes, such as "v1\.0", not '1'/,
    ],
    [
      '{"a": {"kinds": {"x": {"version": "../1"}}}}',
      /x\.version is no usable name \('\.\.\/1'\); allowed: letters, digits and \. _ \+ -, at most 100/,
    ],
    ['{"a/b": {"kinds": {}}}', /is no usable name \('a\/b'\)/],
    ['{"a": {"kinds": {"..": {"version": "1"}}}}', /is no usable name \('\.\.'\)/],
    [
      '{"a": {"types": ["x.y"], "kinds": {}}}',
      /is no usable name \('x\.y'\); allowed: .* and _ \+ -/,
    ],
    ['{"a": {"types": [], "kinds": {}}}', /a\.types must be a list of data types, such as/],
    ['{"a": {"types": [1], "kinds": {}}}', /a\.types\.0 must be the name of a data type, not '1'/],
    [
      '{"a": {"kinds": {"x": {"version": "1", "types": [".x"]}}}}',
      /a\.kinds\.x is no usable name \('\.x'\)/,
    ],
  ]
  for (const [text, message] of cases) {
    await t.rejects(listed(t, text), { code: 'config-invalid', message }, text)
  }
  await t.rejects(readDatasets('/nowhere/datasets.json'), {
    code: 'config-unreadable',
    message: 'cannot read the list of datasets /nowhere/datasets.json: there is no such file',
  })
})

t.test('a selection means what has all of its names', async t => {
  const all = await listed(t, LIST)
  const names = (natures: string[], types: string[], kinds: string[]) =>
    selectDatasets(all, { natures, types, kinds }).map(({ kind, type }) => `${kind} ${type}`)
  t.equal(names([], [], []).length, 6)
  t.same(names(['mutect2', 'genomic'], [], []), ['pon somatic', 'gnomad common', 'none common'])
  t.same(names([], ['extra'], []), ['panel+x extra'])
  t.same(names(['capturekit'], ['common'], ['panel+x']), ['panel+x common'])
  t.throws(() => names(['capturkit'], [], []), {
    code: 'setting-invalid',
    message: "--nature: 'capturkit' is not allowed; give one of capturekit, mutect2, genomic",
  })
  t.throws(() => names([], [], ['x']), { message: /--kind-id: 'x' .* gnomad, none$/ })
  t.throws(() => names(['mutect2'], ['extra'], []), {
    message:
      /the selection: 'mutect2 with extra' is not allowed; give names that some dataset has all of/,
  })
  t.same(selectDatasets([], { natures: [], types: [], kinds: [] }), [])
})
