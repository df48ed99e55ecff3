import t from 'tap'
import { changedGenomes } from '../../src/config/change-genomes.ts'

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
