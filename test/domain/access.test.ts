import fc from 'fast-check'
import t from 'tap'
import {
  type AccessMark,
  type AccessMarks,
  type AccessPolicy,
  AccessTable,
} from '../../src/domain/access.ts'
import { Catalogue } from '../../src/domain/catalogue.ts'
import { DURATION_FORMS, parseDuration } from '../../src/domain/duration.ts'
import type { Genome } from '../../src/domain/genome.ts'
import { parsePathPattern } from '../../src/domain/path-pattern.ts'
import { NO_RIGHTS, parseScope, Rights } from '../../src/domain/rights.ts'
import { visibleTo } from '../../src/domain/visible-catalogue.ts'
import { aGenome, anAsset, aTag, LAMBDA, T7 } from '../support/genome-fixtures.ts'
import { propertySeed } from '../support/property-seed.ts'

/** Marks by `genome`, `genome/asset` or `genome/asset:tag`, the genome by its first alias. */
function marks(by: Record<string, Partial<AccessMark>>): AccessMarks {
  return {
    marksOf: ({ aliases: [name] }, asset, tag) =>
      [`${name}/${asset}:${tag}`, `${name}/${asset}`, `${name}`].map(
        key => by[key] && { studies: [], ...by[key] },
      ),
  }
}
const policy = (
  by: Record<string, Partial<AccessMark>>,
  more: Partial<AccessPolicy> = {},
): AccessPolicy => ({
  ...marks(by),
  controlledByDefault: false,
  rules: [],
  ...more,
})
const genomes = (): Genome[] => [
  aGenome(T7, [
    anAsset('fasta', [
      aTag('default', {
        archive_digest: '1'.repeat(32),
        asset_children: [`${T7}/index:default`, `${T7}/panel:default`],
      }),
      aTag('v2', { archive_digest: '2'.repeat(32) }),
    ]),
    anAsset('panel', [aTag('default', { archive_digest: '3'.repeat(32) })]),
    anAsset('index', [
      aTag('default', {
        archive_digest: '4'.repeat(32),
        asset_parents: [
          `${T7}/fasta:default`,
          't7/panel',
          't7/panel.bed',
          `${LAMBDA}/fasta:none`,
          'hush/fasta',
          'elsewhere/x:y',
          'odd',
          'panel',
          'panel.bed:default',
          'fasta.x.y:v2',
        ],
      }),
    ]),
  ]),
  aGenome(LAMBDA, [anAsset('fasta', [aTag('default', { archive_digest: '5'.repeat(32) })])], {
    aliases: ['hush'],
  }),
]
const controlled = (table: AccessTable) =>
  genomes().flatMap(genome =>
    [...genome.assets.values()].flatMap(asset =>
      [...asset.tags.values()]
        .filter(tag => table.isControlled({ genome, asset, tag }))
        .map(tag => `${genome.aliases[0]}/${asset.name}:${tag.name}`),
    ),
  )

t.test('the mark nearest to the tag counts, and what is not open is controlled', async t => {
  for (const [by, expected] of [
    [{}, []],
    [{ t7: { access: 'open' } }, []],
    [{ hush: { access: 'controlled' } }, ['hush/fasta:default']],
    [{ hush: { access: 'Open' } }, ['hush/fasta:default']],
    [{ hush: { access: '' } }, ['hush/fasta:default']],
    [{ hush: { access: 'public' } }, ['hush/fasta:default']],
    [{ hush: { studies: ['S'] } }, ['hush/fasta:default']],
    [{ hush: { access: 'open', studies: ['S'] } }, []],
    [
      { t7: { access: 'controlled' }, 't7/fasta': { access: 'open' } },
      ['t7/panel:default', 't7/index:default'],
    ],
    [{ t7: { access: 'open' }, 't7/fasta:v2': { access: 'controlled' } }, ['t7/fasta:v2']],
    [
      { 't7/fasta': { access: 'controlled' }, 't7/fasta:v2': { access: 'open' } },
      ['t7/fasta:default'],
    ],
  ] as const) {
    const table = new AccessTable(genomes(), { configs: [marks(by)] })
    t.same(controlled(table), expected, JSON.stringify(by))
    t.equal(table.restricts, expected.length > 0)
    t.equal(table.size, expected.length)
  }
})

t.test(
  'the config that was given goes before the one the archiver made; the policy can only close',
  async t => {
    const table = (given: object, made: object, rules?: AccessPolicy) =>
      controlled(
        new AccessTable(genomes(), {
          configs: [marks(given as never), marks(made as never)],
          ...(rules && { policy: rules }),
        }),
      )
    t.same(table({}, { hush: { access: 'controlled' } }), ['hush/fasta:default'])
    t.same(table({ hush: { access: 'open' } }, { hush: { access: 'controlled' } }), [])
    t.same(table({ hush: { access: 'controlled' } }, { hush: { access: 'open' } }), [
      'hush/fasta:default',
    ])
    t.same(table({ hush: { access: 'open' } }, {}, policy({ hush: { access: 'controlled' } })), [
      'hush/fasta:default',
    ])
    t.same(table({ hush: { access: 'controlled' } }, {}, policy({ hush: { access: 'open' } })), [
      'hush/fasta:default',
    ])
    const closed = policy({ t7: { access: 'open' } }, { controlledByDefault: true })
    t.same(table({}, {}, closed), ['hush/fasta:default'])
    t.same(table({ hush: { access: 'open' } }, {}, closed), [])
  },
)

t.test('studies gather from marks and patterns', async t => {
  const path = (text: string) =>
    parsePathPattern(text) as NonNullable<ReturnType<typeof parsePathPattern>>
  const rules = [
    { study: 'BEDS', paths: [path('t7/panel'), path('hush/*')], controlled: true },
    { study: 'LABEL', paths: [path('t7/*')], controlled: false },
  ]
  const table = new AccessTable(genomes(), {
    configs: [marks({ 't7/panel': { studies: ['OWN'] } })],
    policy: policy({ hush: { studies: ['QUIET', 'BEDS'] } }, { rules }),
  })
  t.same(controlled(table), ['t7/panel:default', 'hush/fasta:default'])
  const [t7, hush] = genomes() as [Genome, Genome]
  const studies = (genome: Genome, asset: string) => {
    const found = genome.assets.get(asset)
    const tag = found?.tags.get('default')
    return found && tag && table.studiesOf({ genome, asset: found, tag })
  }
  t.same(studies(t7, 'panel'), ['OWN', 'BEDS', 'LABEL'])
  t.same(studies(hush, 'fasta'), ['QUIET', 'BEDS'])
  t.equal(studies(t7, 'fasta'), undefined)
})

t.test('genomes and assets with nothing in them are places of their own', async t => {
  const empty = [
    aGenome(T7, [anAsset('fasta', [])], { aliases: ['t7'] }),
    aGenome(LAMBDA, [], { aliases: ['hush'] }),
  ]
  const table = new AccessTable(empty, {
    configs: [marks({ 't7/fasta': { access: 'controlled' }, hush: { access: 'controlled' } })],
  })
  t.equal(table.size, 2)
  const source = { genomes: empty }
  const whole = { source, catalogue: new Catalogue(source), access: table }
  t.same(visibleTo(NO_RIGHTS, whole).genomes, [])
  t.equal(visibleTo(NO_RIGHTS, whole).digestOfAlias('hush'), undefined)
  t.equal(visibleTo(new Rights(['read:hush']), whole).genomes.length, 1)
  t.equal(visibleTo(new Rights(['read:*']), whole).genomes.length, 2)
  const open = new AccessTable(empty, { configs: [marks({ hush: { access: 'controlled' } })] })
  t.equal(visibleTo(NO_RIGHTS, { ...whole, access: open }).asset('t7', 'fasta')?.tags.size, 0)
  const half = [aGenome(T7, [anAsset('a', []), anAsset('b', [])])]
  const one = new AccessTable(half, { configs: [marks({ 't7/a': { access: 'controlled' } })] })
  const seen = visibleTo(NO_RIGHTS, {
    source: { genomes: half },
    catalogue: new Catalogue({ genomes: half }),
    access: one,
  })
  t.same([...(seen.genome('t7')?.assets.keys() ?? [])], ['b'])
})

t.test('a visible catalogue holds nothing of what is hidden', async t => {
  const source = { genomes: genomes(), remotes: new Map([['http', { prefix: 'https://x' }]]) }
  const catalogue = new Catalogue(source)
  const access = new AccessTable(source.genomes, {
    configs: [
      marks({
        hush: { access: 'controlled' },
        't7/panel': { access: 'controlled', studies: ['P'] },
        't7/fasta:default': { access: 'controlled' },
      }),
    ],
  })
  const seen = visibleTo(NO_RIGHTS, { source, catalogue, access })
  t.same(
    seen.genomes.map(({ digest }) => digest),
    [T7],
  )
  t.same(seen.remotes, source.remotes)
  t.equal(seen.genome('hush'), undefined)
  t.equal(seen.digestOfAlias('hush'), undefined)
  t.equal(seen.archive('5'.repeat(32)), undefined)
  t.equal(seen.archive('3'.repeat(32)), undefined)
  t.equal(seen.entry('t7', 'panel'), undefined)
  t.equal(seen.defaultTag('t7', 'fasta'), 'v2', 'the default among those that are left')
  t.equal(seen.archiveCount, 2)
  const index = seen.entry('t7', 'index')?.tag
  t.same(
    index?.parents,
    ['elsewhere/x:y', 'odd', 'fasta.x.y:v2'],
    'relatives vanish under every spelling',
  )
  t.same(index?.attributes.asset_parents, ['elsewhere/x:y', 'odd', 'fasta.x.y:v2'])
  t.same(index?.attributes.asset_children, [])
  const panel = visibleTo(new Rights(['P.READ']), { source, catalogue, access })
  t.ok(panel.entry('t7', 'panel'))
  t.equal(panel.entry('hush', 'fasta'), undefined)
  t.equal(visibleTo(new Rights(['admin']), { source, catalogue, access }), catalogue)
  const fasta = visibleTo(new Rights(['read:t7/fasta']), { source, catalogue, access })
  t.same(fasta.entry('t7', 'fasta')?.tag.children, [`${T7}/index:default`])
  t.same(fasta.entry('t7', 'fasta')?.tag.attributes.asset_children, [`${T7}/index:default`])
})

t.test('a tag without lists of relatives gets none', async t => {
  const own = [
    aGenome(T7, [
      anAsset('a', [
        aTag('default', { asset_parents: [`${T7}/b:default`], asset_children: undefined }),
      ]),
      anAsset('b', [
        aTag('default', { asset_children: [`${T7}/c:default`], asset_parents: undefined }),
      ]),
      anAsset('c', [aTag('default')]),
    ]),
  ]
  const access = new AccessTable(own, {
    configs: [marks({ 't7/c': { access: 'controlled' }, 't7/b:x': {} })],
  })
  const source = { genomes: own }
  const seen = visibleTo(NO_RIGHTS, { source, catalogue: new Catalogue(source), access })
  t.same(seen.entry('t7', 'b')?.tag.attributes.asset_children, [])
  t.equal(seen.entry('t7', 'b')?.tag.attributes.asset_parents, undefined)
  const other = new AccessTable(own, { configs: [marks({ 't7/b': { access: 'controlled' } })] })
  const more = visibleTo(NO_RIGHTS, { source, catalogue: new Catalogue(source), access: other })
  t.same(more.entry('t7', 'a')?.tag.attributes.asset_parents, [])
  t.equal(more.entry('t7', 'a')?.tag.attributes.asset_children, undefined)
})

t.test('patterns', async t => {
  const names = { genome: [T7, 't7', 'phage.seven'], asset: 'fasta_x', tag: 'v1.2' }
  for (const yes of [
    't7',
    't7/*',
    '*',
    '*/*',
    '*/*:*',
    't7/fasta_x',
    't7/fasta_x:v1.2',
    `${T7}/fasta*`,
    't?/f*x:v?.*',
    'phage.*/*_x',
    '*7/*a*a*',
  ]) {
    t.equal(parsePathPattern(yes)?.matches(names), true, yes)
  }
  for (const no of [
    't',
    't7/fasta',
    't7/fasta_x:v1',
    't77',
    'T7/*',
    't?7/*',
    '*/panel',
    't7/*:v2',
    'x*7',
    't7/*z*',
    't7/f*fasta_x',
  ]) {
    t.equal(parsePathPattern(no)?.matches(names), false, no)
  }
  for (const bad of [
    '',
    '/',
    't7/',
    '/fasta',
    't7/a/b',
    't7:v1',
    't7/a:',
    'a b',
    't7/a:b:c',
    'x'.repeat(600),
  ]) {
    t.equal(parsePathPattern(bad), undefined, bad.slice(0, 20))
  }
  // The same as a regular expression made of the pattern, for any pattern and any name.
  const part = fc.string({ unit: fc.constantFrom('a', 'b', '*', '?'), minLength: 1, maxLength: 8 })
  const name = fc.string({ unit: fc.constantFrom('a', 'b'), minLength: 1, maxLength: 8 })
  fc.assert(
    fc.property(part, name, (pattern, text) => {
      const expression = new RegExp(`^${pattern.replaceAll('*', '.*').replaceAll('?', '.')}$`)
      return (
        parsePathPattern(pattern)?.matches({ genome: [text], asset: 'x', tag: 'y' }) ===
        expression.test(text)
      )
    }),
    { numRuns: 2000, seed: propertySeed(t) },
  )
})

t.test('scopes and what they allow', async t => {
  const names = { genome: [T7, 't7'], asset: 'fasta', tag: 'default' }
  for (const [scopes, studies, expected] of [
    [[], [], false],
    [['read:t7/*'], [], true],
    [['write:t7/*'], [], true],
    [['read:hg38/*'], [], false],
    [['S.READ'], [], false],
    [['S.READ'], ['S'], true],
    [['S.WRITE'], ['R', 'S'], true],
    [['S.DENY', 'read:t7/*'], ['S'], false],
    [['S.DENY', 'admin'], ['S'], false],
    [['S.DENY', 'admin'], ['R'], true],
    [['admin'], [], true],
    [['introspect'], [], false],
    [['nonsense', 'Admin', 'read:'], ['nonsense'], false],
  ] as const) {
    t.equal(new Rights(scopes).mayRead(names, studies), expected, `${scopes} ${studies}`)
  }
  t.match(new Rights(['admin']), { isAdmin: true, mayIntrospect: true })
  t.match(new Rights(['introspect']), { isAdmin: false, mayIntrospect: true })
  t.match(NO_RIGHTS, { isAdmin: false, mayIntrospect: false, key: '' })
  t.equal(new Rights(['b.READ', 'a.READ', 'x', 'b.READ']).key, 'a.READ b.READ')
  for (const bad of [
    'read',
    'read:',
    'read:a b',
    'write:/x',
    '.READ',
    'a b.READ',
    'S.read',
    'S.ADMIN',
    'administrator',
    `${'x'.repeat(101)}.READ`,
  ]) {
    t.equal(parseScope(bad), undefined, bad)
  }
})

t.test('spans of time', async t => {
  for (const [text, seconds] of [
    ['45', 45],
    ['45s', 45],
    ['90m', 5400],
    ['12h', 43_200],
    ['30d', 2_592_000],
    ['2w', 1_209_600],
    ['1y', 31_536_000],
    ['0s', 0],
  ] as const) {
    t.equal(parseDuration(text), seconds)
  }
  for (const bad of [
    '',
    'd',
    '999999999y',
    '101y',
    '1 d',
    '1.5h',
    '-1d',
    '1M',
    '9999999999s',
    'never',
  ])
    t.equal(parseDuration(bad), undefined)
  t.match(DURATION_FORMS, /30d/)
})

t.test('names with dots, and what is shared', async t => {
  const own = [
    aGenome(T7, [
      anAsset('x.y', [aTag('default', { archive_digest: '6'.repeat(32) })]),
      anAsset('z', [
        aTag('default', {
          asset_parents: ['t7/x.y.k:default', 'x.y', 'x:default', ':default', 'z:'],
        }),
      ]),
      anAsset('free'),
    ]),
    aGenome(LAMBDA, [anAsset()], { aliases: ['hush'] }),
  ]
  const source = { genomes: own }
  const catalogue = new Catalogue(source)
  const access = new AccessTable(own, { configs: [marks({ 't7/x.y': { access: 'controlled' } })] })
  const seen = visibleTo(NO_RIGHTS, { source, catalogue, access })
  t.same(seen.entry('t7', 'z')?.tag.parents, ['x:default', ':default', 'z:'])
  t.equal(
    seen.asset('t7', 'free'),
    catalogue.asset('t7', 'free'),
    'what everybody sees is not copied',
  )
  t.equal(seen.genome('hush'), catalogue.genome('hush'))
})
