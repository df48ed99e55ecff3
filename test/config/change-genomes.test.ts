import fc from 'fast-check'
import t from 'tap'
import { changedGenomes, type GenomeChange } from '../../src/config/change-genomes.ts'
import type { RawConfig } from '../../src/config/genome-config-schema.ts'
import { readYaml } from '../../src/config/read-yaml.ts'
import { formatGenomeConfig } from '../../src/config/write-genome-config.ts'
import { jsYaml } from '../../src/config/yaml-libraries.ts'
import { GENERATED_CONFIG } from '../support/generated-configs.ts'
import { propertySeed } from '../support/property-seed.ts'

t.test('comments, unknown keys and the form of other values stay', async t => {
  const text = `# ours
config_version: 0.40
genome_folder: /x # here
genome_servers:
- http://a
mine: {a: 1, b: [1, 2]}
genomes:
  abc: # the one
    aliases:
    genome_description: "a: b"
    assets:
      fasta:
        default_tag: '1.1'
`
  t.equal(
    changedGenomes(text, [
      { path: ['abc', 'aliases'], value: ['t7'] },
      { path: ['abc', 'assets', 'fasta', 'default_tag'], value: '1.2' },
      { path: ['abc', 'assets', 'index', 'tags', '1.10', 'seek_keys'], value: { no: 'yes' } },
    ]),
    `# ours
config_version: 0.40
genome_folder: /x # here
genome_servers:
- http://a
mine: {a: 1, b: [1, 2]}
genomes:
  abc:
    # the one
    aliases:
    - t7
    genome_description: "a: b"
    assets:
      fasta:
        default_tag: '1.2'
      index:
        tags:
          '1.10':
            seek_keys:
              'no': 'yes'
`,
  )
})

t.test('what the Python tools would take for a number, a date or a word gets quotes', async t => {
  const changes = ['1.10', '2020-01-01', 'on', '1e3', 'null', '~', 'plain'].map(value => ({
    path: ['abc', value],
    value,
  }))
  const lines = changedGenomes('genomes: {}\n', changes).split('\n')
  t.same(lines.slice(2, -1), [
    "    '1.10': '1.10'",
    "    '1e3': '1e3'",
    "    '2020-01-01': '2020-01-01'",
    "    'null': 'null'",
    "    'on': 'on'",
    '    plain: plain',
    "    '~': '~'",
  ])
})

t.test(
  'maps on the way are made, also where there is an empty value or nothing at all',
  async t => {
    const made = 'genomes:\n  abc:\n    aliases:\n    - t7\n'
    for (const text of [
      '',
      'genomes:\n',
      'genomes: {}\n',
      'genomes: {abc: }\n',
      'genomes:\n  abc:\n',
    ]) {
      t.equal(changedGenomes(text, [{ path: ['abc', 'aliases'], value: ['t7'] }]), made, text)
    }
  },
)

t.test(
  'a new key goes where the Python tools would put it, in a map that they have ordered',
  async t => {
    const change = [{ path: ['b'], value: {} }]
    t.equal(
      changedGenomes('genomes:\n  a: {}\n  c: {}\n', change),
      'genomes:\n  a: {}\n  b: {}\n  c: {}\n',
    )
    const mine = 'genomes:\n  d: {}\n  c: {}\n'
    t.equal(changedGenomes(mine, change), `${mine}  b: {}\n`)
  },
)

t.test('empty values stay empty', async t => {
  const text = 'genomes:\n  abc:\n    aliases:\n    assets: null\n'
  t.equal(changedGenomes(text, [{ path: ['def'], value: {} }]), `${text}  def: {}\n`)
})

t.test('other genomes stay as they are, to the byte, in whatever form', async t => {
  const others = {
    first: `  aaa:   # odd,
    aliases:   [ 'a' ]
    genome_description: 'told on
      two lines'
`,
    last: `
  # of the last one
  '999':
     aliases: &names ["x"]
refdepot:
    port:   80
`,
  }
  const text = `genome_folder:   /x
genomes:
${others.first}  bbb:
    aliases: [b]
    # at the end of bbb
${others.last}`
  const alias = (genome: string) => [{ path: [genome, 'aliases'], value: ['new'] }]
  t.equal(
    changedGenomes(text, [...alias('bbb'), { path: ['ccc'], value: { aliases: ['c'] } }]),
    `genome_folder:   /x
genomes:
${others.first}  bbb:
    aliases:
    - new
    # at the end of bbb
${others.last.slice(0, others.last.indexOf('refdepot'))}  ccc:
    aliases:
    - c
refdepot:
    port:   80
`,
  )
  // An anchor may be used elsewhere: then all is read.
  t.match(changedGenomes(text, alias('999')), /refdepot:\n {2}port: 80\n$/)
  const odd = text.replace('  bbb:', '  ? bbb\n  :')
  t.match(changedGenomes(odd, alias('aaa')), /aliases:\n {4}- new/)
})

t.test('a config of 10,000 genomes is changed by reading one of them', async t => {
  const genome = (i: number) => `  g${String(i).padStart(5, '0')}:\n    aliases: [ a${i} ]\n`
  const all = Array.from({ length: 10_000 }, (_, i) => genome(i))
  const changed = changedGenomes(`genomes:\n${all.join('')}`, [
    { path: ['g05000', 'aliases'], value: ['new'] },
    { path: ['g07000x', 'aliases'], value: ['new'] },
  ])
  all[5000] = '  g05000:\n    aliases:\n    - new\n'
  all[7000] += '  g07000x:\n    aliases:\n    - new\n'
  t.equal(changed, `genomes:\n${all.join('')}`)
})

t.test('a file that does not end with a line break, and one where something follows', async t => {
  const change = [{ path: ['a', 'aliases'], value: ['x'] }]
  const made = '  a:\n    aliases:\n    - x\n'
  t.equal(changedGenomes('genomes:', change), `genomes:\n${made}`)
  t.equal(changedGenomes('genomes:\n  b: {}', change), `genomes:\n${made}  b: {}`)
  t.equal(changedGenomes('genomes:\n  a: {}', change), `genomes:\n${made}`)
  t.equal(
    changedGenomes('genomes:\n  b: {}\n# end\nx: 1\n', [{ path: ['c'], value: {} }]),
    'genomes:\n  b: {}\n  c: {}\n# end\nx: 1\n',
  )
})

/** The same change to values instead of their text. */
function changedValue(config: RawConfig, { path, value }: GenomeChange): void {
  config.genomes = { ...config.genomes }
  let at = config.genomes as Record<string, unknown>
  for (const key of path.slice(0, -1)) {
    const inner = at[key]
    const isMap = typeof inner === 'object' && inner !== null && !Array.isArray(inner)
    at[key] = isMap ? { ...inner } : {}
    at = at[key] as Record<string, unknown>
  }
  at[path.at(-1) as string] = value
}

t.test('whatever a config looks like, only what is named changes', async t => {
  const { dump } = jsYaml()
  const name = fc.constantFrom('fasta', '1.10', '7', 'new', 'null')
  const value = fc.constantFrom('x', '1.10', 'two\nlines', '', ['a', '1'], { dir: '.', no: 'yes' })
  const place = fc.oneof(
    fc.constant(['aliases']),
    fc.tuple(fc.constant('assets'), name, fc.constant('default_tag')),
    fc.tuple(fc.constant('assets'), name, fc.constant('tags'), name, fc.constant('seek_keys')),
  )
  const forms = fc.constantFrom<(config: RawConfig) => string>(
    formatGenomeConfig,
    config => dump(config, { lineWidth: 80 }),
    config => dump(config, { flowLevel: 3 }),
    config => dump(config, { indent: 4 }),
    config => JSON.stringify(config, null, 1),
  )
  const genome = fc.constantFrom(0, 1, 2, 99)
  fc.assert(
    fc.property(
      GENERATED_CONFIG,
      forms,
      fc.array(fc.tuple(genome, place, value), { minLength: 1, maxLength: 4 }),
      (json, form, wanted) => {
        const config: RawConfig = JSON.parse(json)
        const text = form(config)
        const keys = Object.keys(config.genomes ?? {})
        const changes = wanted.map(([i, path, to]) => ({
          path: [keys[i] ?? 'f'.repeat(48), ...path],
          value: to,
        }))
        const expected = readYaml(text, 'config') as RawConfig
        for (const change of changes) changedValue(expected, change)
        t.same(readYaml(changedGenomes(text, changes), 'config'), expected)
      },
    ),
    { numRuns: 500, seed: propertySeed(t) },
  )
})
