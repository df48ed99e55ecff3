import fc from 'fast-check'
import t from 'tap'
import type { RawConfig } from '../../src/config/genome-config-schema.ts'
import { readPlainYaml } from '../../src/config/read-plain-yaml.ts'
import { readYaml } from '../../src/config/read-yaml.ts'
import { changedTopKeys, formatGenomeConfig } from '../../src/config/write-genome-config.ts'
import { T7 } from '../support/genome-fixtures.ts'
import { propertySeed } from '../support/property-seed.ts'

const text = fc.oneof(
  fc.string({ maxLength: 30 }),
  fc.constantFrom(
    '7',
    '1.10',
    'true',
    'null',
    '~',
    '',
    '2020-01-01',
    '0x1f',
    'a: b',
    '# x',
    '- x',
    "it's",
    '1e3',
    'no',
    'ünï',
    'a\nb',
  ),
)
const names = fc.array(text, { maxLength: 3 })
const tag = fc.record(
  {
    asset_path: text,
    asset_digest: text,
    seek_keys: fc.dictionary(text, text, { maxKeys: 3 }),
    asset_parents: names,
  },
  { requiredKeys: [] },
)
const key = text.filter(name => name !== '__proto__')
const config = fc.record(
  {
    config_version: fc.constant('0.4'),
    genome_folder: text,
    genome_servers: names,
    genomes: fc.dictionary(
      key,
      fc.record({
        aliases: names,
        genome_description: text,
        assets: fc.dictionary(key, fc.record({ tags: fc.dictionary(key, tag, { maxKeys: 2 }) }), {
          maxKeys: 2,
        }),
      }),
      { maxKeys: 2 },
    ),
  },
  { requiredKeys: ['genomes'] },
)

t.test('what is written is read back as the same texts', async t => {
  fc.assert(
    fc.property(config, raw => {
      const found = readYaml(formatGenomeConfig(raw as RawConfig), 'x.yaml')
      // An empty map at the end may come back as null, which a config means the same by.
      t.same(JSON.parse(JSON.stringify(found)), JSON.parse(JSON.stringify(raw)))
    }),
    { numRuns: 300, seed: propertySeed(t) },
  )
})

t.test('texts that look like numbers are quoted below genomes, and plain elsewhere', async t => {
  const raw = {
    config_version: '0.4',
    genome_folder: '7',
    refdepot: { port: '80' },
    remotes: null,
    genomes: {
      [T7]: {
        aliases: [],
        assets: { fasta: { default_tag: '1.10', tags: { '1.10': { asset_path: 'x' } } } },
      },
    },
  }
  const written = formatGenomeConfig(raw)
  t.equal(
    written,
    `config_version: 0.4
genome_folder: '7'
genomes:
  ${T7}:
    aliases: []
    assets:
      fasta:
        default_tag: '1.10'
        tags:
          '1.10':
            asset_path: x
refdepot:
  port: 80
remotes: null
`,
  )
  t.equal(formatGenomeConfig({}), '')
  t.equal(formatGenomeConfig({ genomes: null }), 'genomes: {}\n')
})

t.test('usual configs are written in the form that is read fast', async t => {
  const long =
    'A description that is longer than the eighty columns after which the Python tools fold their lines.'
  const raw = { genomes: { [T7]: { aliases: ['t7'], genome_description: long, assets: {} } } }
  t.ok(readPlainYaml(formatGenomeConfig(raw)) !== undefined)
})

t.test('keys at the top change, everything else stays as it is written', async t => {
  const before =
    '# mine\ngenome_folder: /old # here\nrefdepot:\n  # the port\n  port: 80\ngenomes:\n  x: {}\n'
  t.equal(
    changedTopKeys(before, {
      genome_folder: '/new',
      refdepot: { title: 'Depot' },
      genome_servers: ['http://x'],
    }),
    '# mine\ngenome_folder: /new # here\nrefdepot:\n  # the port\n  port: 80\n  title: Depot\ngenomes:\n  x: {}\ngenome_servers:\n  - http://x\n',
  )
  t.equal(
    changedTopKeys('genomes: {}\n', { refdepot: { port: '80' } }),
    'genomes: {}\nrefdepot:\n  port: "80"\n',
  )
})
