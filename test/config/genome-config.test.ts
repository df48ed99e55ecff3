import { chmod, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { parseGenomeConfig, readGenomeConfig } from '../../src/config/genome-config.ts'
import { T7 } from '../support/genome-fixtures.ts'

const FILE = '/depot/genome_config.yaml'
const parse = (text: string) => parseGenomeConfig(text, FILE)

// What each broken config must say: file, line, key and what is allowed.
const BROKEN: readonly (readonly [string, string, RegExp])[] = [
  ['no YAML', 'a: [1\nb: 2', /^\/depot\/genome_config\.yaml:\d+: is not YAML/],
  ['a key twice', 'genomes:\ngenomes:\n', /:2: is not YAML: duplicated mapping key/],
  ['two documents', 'a: 1\n---\nb: 2\n', /is not YAML/],
  [
    'a list',
    '- a\n',
    /genome_config\.yaml.*must be a map with config_version and genomes, not a list/,
  ],
  ['a text', 'hello\n', /must be a map with config_version and genomes, not 'hello'/],
  [
    'a version from the past',
    'config_version: 0.2\n',
    /config_version is '0\.2'; allowed: 0\.3 or 0\.4/,
  ],
  ['a version to come', 'config_version: 1.0\n', /config_version is '1\.0'/],
  ['no version at all', 'config_version: new\n', /config_version is 'new'/],
  [
    'aliases as text',
    `genomes:\n  ${T7}:\n    aliases: t7\n`,
    new RegExp(`:3: genomes\\.${T7}\\.aliases must be a list of names.*, not 't7'`),
  ],
  [
    'genomes as list',
    'genomes:\n- a\n',
    /:2: genomes must be a map of genome digest to genome, not a list/,
  ],
  [
    'a genome as text',
    'genomes:\n  good: {}\n  a: b\n',
    /:3: genomes\.a must be a map with aliases.*, not 'b'/,
  ],
  [
    'an asset as list',
    'genomes:\n  a:\n    assets:\n      fasta: []\n',
    /:4: genomes\.a\.assets\.fasta must be a map with asset_description/,
  ],
  [
    'tags as list',
    'genomes:\n  a:\n    assets:\n      fasta:\n        tags:\n        - x\n',
    /:6: genomes\.a\.assets\.fasta\.tags must be a map of tag name to tag, not a list/,
  ],
  [
    'seek keys as list',
    'genomes:\n  a:\n    assets:\n      f:\n        tags:\n          t:\n            seek_keys: [x]\n',
    /:7: .*seek_keys must be a map of seek key to path, not a list/,
  ],
  [
    'a seek key as map',
    'genomes:\n  a:\n    assets:\n      f:\n        tags:\n          t:\n            seek_keys:\n              f: {}\n',
    /:8: .*seek_keys\.f must be a text, not a map/,
  ],
  [
    'parents as text',
    'genomes:\n  a:\n    assets:\n      f:\n        tags:\n          t:\n            asset_parents: x\n',
    /asset_parents must be a list of registry paths.*, not 'x'/,
  ],
  [
    'an empty digest',
    'genomes:\n  a:\n    assets:\n      f:\n        tags:\n          t:\n            archive_digest:\n',
    /:7: .*archive_digest must be the md5 of the archive, 32 hex characters, not empty/,
  ],
  [
    'servers as map',
    'genome_servers: {a: b}\n',
    /:1: genome_servers must be one URL or a list of URLs, not a map/,
  ],
  [
    'remotes as list',
    'remotes: []\n',
    /:1: remotes must be a map of name to \{prefix, description\}, not a list/,
  ],
  [
    'a genome that climbs',
    'genomes:\n  ..: {}\n',
    /:2: genomes\.\.\. is no usable name; allowed: no blanks, slashes/,
  ],
  [
    'an alias with a slash',
    'genomes:\n  a:\n    aliases: [x/y]\n',
    /:3: genomes\.a\.aliases is no usable name/,
  ],
  [
    'an asset with a slash',
    'genomes:\n  a:\n    assets:\n      x/y: {}\n',
    /:4: genomes\.a\.assets\.x\/y is no usable name/,
  ],
  [
    'a tag with a colon',
    'genomes:\n  a:\n    assets:\n      f:\n        tags:\n          "x:y": {}\n',
    /:6: .*tags\.x:y is no usable name; allowed: no blanks, slashes or colons/,
  ],
]

for (const [name, text, message] of BROKEN) {
  t.test(`a config with ${name} is refused with file, line and key`, async t => {
    t.throws(() => parse(text), { code: 'config-invalid', message })
  })
}

t.test('every problem of a config is told at once, up to a number', async t => {
  const genomes = Array.from({ length: 30 }, (_, i) => `  g${i}:\n    aliases: x\n`).join('')
  const error = t.throws(() => parse(`genomes:\n${genomes}`)) as unknown as Error
  t.equal(error.message.split('\n').length, 20)
})

t.test('a real config is read whole', async t => {
  const config = await readGenomeConfig('example/genome_config.yaml')
  t.equal(config.genomes.length, 2)
  t.same(config.servers, ['http://refgenomes.databio.org'])
  t.same(config.warnings, [])
  const [t7] = config.genomes
  t.match(t7, {
    digest: T7,
    aliases: ['t7'],
    folder: T7,
    description: 'Bacteriophage T7 complete genome',
  })
  t.same([...(t7?.assets.get('fasta')?.tags.keys() ?? [])], ['default', 'v2'])
})

t.test('an empty config is an empty catalogue, its folders are its own', async t => {
  for (const text of ['', '\n', 'genomes:\n', 'genomes: {}\n', 'config_version: 0.4\n']) {
    t.match(parse(text), { genomes: [], genomeFolder: '/depot', settings: {} })
  }
  t.equal(parse('').archiveFolder, undefined)
})

t.test('folders, servers and old key names are read', async t => {
  const config = parse(`genome_folder: genomes
genome_archive_folder: /data/archives
genome_archive_config: out/server.yaml
genome_server: http://example.org/
refdepot:
  title: Our references
`)
  t.match(config, {
    genomeFolder: '/depot/genomes',
    archiveFolder: '/data/archives',
    archiveConfig: '/depot/out/server.yaml',
    servers: ['http://example.org'],
    settings: { title: 'Our references' },
  })
  t.match(parse('genome_archive: old\ngenome_servers: [http://a/, http://b]\n'), {
    archiveFolder: '/depot/old',
    servers: ['http://a', 'http://b'],
  })
})

t.test('remotes count only when each has a prefix', async t => {
  const config = parse(
    'remotes:\n  http:\n    prefix: https://x/\n    description: here\n  s3:\n    prefix: s3://x\n',
  )
  t.same(
    [...(config.remotes ?? [])],
    [
      ['http', { prefix: 'https://x/', description: 'here' }],
      ['s3', { prefix: 's3://x' }],
    ],
  )
  t.equal(parse('remotes:\n  http:\n    url: https://x/\n').remotes, undefined)
  t.equal(parse('remotes:\n  http:\n').remotes, undefined)
  t.equal(parse('remotes: {}\n').remotes, undefined)
})

t.test('names that look like numbers keep their text', async t => {
  const config = parse(
    `genomes:\n  ${T7}:\n    aliases: [7, yes]\n    assets:\n      fasta:\n        default_tag: 1.10\n        tags:\n          1.10:\n            archive_size: 5\n`,
  )
  const [genome] = config.genomes
  t.same(genome?.aliases, ['7', 'yes'])
  t.equal(genome?.assets.get('fasta')?.defaultTag, '1.10')
  t.equal(genome?.assets.get('fasta')?.tags.get('1.10')?.archiveSize, '5')
})

t.test('empty genomes, assets, tags and descriptions are taken as they are', async t => {
  const config = parse(
    `genomes:\n  ${T7}:\n  b:\n    aliases:\n    genome_description:\n    genome_digest: old\n    assets:\n      fasta:\n      bwa:\n        asset_description: index\n        tags:\n          default:\n`,
  )
  t.match(config.genomes[0], { aliases: [], assets: new Map() })
  t.match(config.genomes[1], { aliases: [], legacyDigest: 'old' })
  t.match(config.genomes[1]?.assets.get('bwa'), { description: 'index' })
  t.equal(config.genomes[1]?.assets.get('fasta')?.tags.size, 0)
})

t.test('unknown keys are kept and told once, by level', async t => {
  const config = parse(`colour: red
genomes:
  ${T7}:
    species: phage
    assets:
      fasta:
        owner: me
        tags:
          default:
            build: 1
          v2:
            build: 2
`)
  t.match(config.warnings, [
    /unknown keys are kept but not used: colour \(top level\); species \(genome\); owner \(asset\); build \(tag\), 2 times/,
  ])
  t.equal(config.genomes[0]?.assets.get('fasta')?.tags.get('v2')?.attributes.build, '2')
})

t.test('a genome that is not named by its digest is told', async t => {
  t.match(parse('genomes:\n  hg38: {}\n').warnings, [
    /genome hg38 is not named by a 48-character digest/,
  ])
})

t.test('a 0.3 config is brought to 0.4 in memory', async t => {
  const config = parse(`config_version: 0.3
genome_server: http://old.example.org
genomes:
  t7:
    genome_digest: ${T7}
    assets:
      fasta:
        tags:
          default:
            asset_children: ["bwa_index:default", "other/x:default"]
            archive_digest: ${'b'.repeat(32)}
            archive_size: 1.00 KB
          empty:
      nothing:
      bwa_index:
        tags:
          default:
            asset_parents: ["fasta:default"]
  copy:
    genome_digest: ${T7}
  plain:
`)
  const [t7, copy, plain] = config.genomes
  t.match(t7, { digest: T7, aliases: ['t7'], folder: 't7' })
  t.equal(t7?.legacyDigest, undefined)
  t.same(t7?.assets.get('fasta')?.tags.get('default')?.children, [
    `${T7}/bwa_index:default`,
    'other/x:default',
  ])
  t.same(t7?.assets.get('bwa_index')?.tags.get('default')?.parents, [`${T7}/fasta:default`])
  t.match(
    [copy, plain],
    [
      { digest: 'copy', folder: 'copy' },
      { digest: 'plain', aliases: ['plain'] },
    ],
  )
  t.match(config.warnings, [
    /genome copy has no genome_digest of its own/,
    /genome plain has no genome_digest/,
  ])
  t.same(parse('config_version: 0.3\n').genomes, [])
})

t.test('a file that cannot be read is named', async t => {
  const folder = t.testdir({ 'locked.yaml': 'genomes: {}' })
  await t.rejects(readGenomeConfig(join(folder, 'none.yaml')), {
    code: 'config-unreadable',
    message: /cannot read the genome config .*none\.yaml: there is no such file/,
  })
  await t.rejects(readGenomeConfig(folder), { code: 'config-unreadable', message: /EISDIR/ })
})

t.test('the file is never written', async t => {
  const folder = t.testdir({})
  const file = join(folder, 'c.yaml')
  await writeFile(file, 'config_version: 0.3\ngenomes: {}\n')
  await chmod(file, 0o444)
  await chmod(folder, 0o555)
  t.same((await readGenomeConfig(file)).genomes, [])
  await chmod(folder, 0o755)
})
