import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { BUDGET_FORMS, parseBudget } from '../../src/config/byte-budget.ts'
import { parseGenomeConfig } from '../../src/config/genome-config.ts'
import { readPolicy } from '../../src/config/policy.ts'
import { resolveSettings, shownSetting } from '../../src/config/settings.ts'
import { AccessTable } from '../../src/domain/access.ts'
import { aGenome, anAsset, aTag, LAMBDA, T7 } from '../support/genome-fixtures.ts'

const genomes = [
  aGenome(T7, [anAsset('fasta', [aTag(), aTag('v2')]), anAsset('panel')], {
    aliases: ['t7', 'seven'],
  }),
  aGenome(LAMBDA, [anAsset('fasta')], { aliases: ['lambda'] }),
]

async function policyOf(t: Test, text: string) {
  const file = join(t.testdir({}), 'policy.yaml')
  await writeFile(file, text)
  return readPolicy(file)
}

async function controlledBy(t: Test, text: string) {
  const policy = await policyOf(t, text)
  const table = new AccessTable(genomes, { configs: [], policy })
  return genomes.flatMap(genome =>
    [...genome.assets.values()].flatMap(asset =>
      [...asset.tags.values()].flatMap(tag => {
        const studies = table.studiesOf({ genome, asset, tag })
        return studies === undefined
          ? []
          : [`${genome.aliases[0]}/${asset.name}:${tag.name} ${studies}`.trim()]
      }),
    ),
  )
}

t.test('a policy closes genomes, assets, tags and whatever a study matches', async t => {
  for (const [text, expected] of [
    ['default: open', []],
    ['default: open\ngenomes:\nstudies:\n', []],
    [
      'default: controlled',
      ['t7/fasta:default', 't7/fasta:v2', 't7/panel:default', 'lambda/fasta:default'],
    ],
    ['default: closed\ngenomes: {t7: {access: open}}', ['lambda/fasta:default']],
    [`genomes: {${LAMBDA}: {access: controlled}}`, ['lambda/fasta:default']],
    [
      'genomes: {seven: {assets: {panel: {access: controlled, study: [A, B]}}}}',
      ['t7/panel:default A,B'],
    ],
    ['genomes: {t7: {assets: {fasta: {tags: {v2: {access:}}}}}}', ['t7/fasta:v2']],
    ['genomes: {t7: {assets: {fasta: {tags: {v2: {study: S}}, access: open}}}}', ['t7/fasta:v2 S']],
    [
      'genomes: {t7: {access: open}, seven: {access: controlled}}',
      ['t7/fasta:default', 't7/fasta:v2', 't7/panel:default'],
    ],
    ['studies: {S: [lambda/*, "*/panel"]}', ['t7/panel:default S', 'lambda/fasta:default S']],
    [
      'studies: {S: {access: open, paths: [lambda/*]}, T: {paths: [t7/panel]}}',
      ['t7/panel:default T'],
    ],
    [
      'genomes: {t7: {assets: {fasta: {access: open, tags: }}}, lambda: {access: x, assets: }}',
      ['lambda/fasta:default'],
    ],
    ['genomes: {lambda: {study: }}', ['lambda/fasta:default']],
    ['genomes: {lambda: {study: []}}', ['lambda/fasta:default']],
    ['genomes: {lambda: {study: [], access: open}}', []],
  ] as const) {
    t.same(await controlledBy(t, text), expected, text)
  }
})

t.test('a policy that cannot be understood is refused with file, line and key', async t => {
  for (const [text, pattern] of [
    [
      'genomes:\n  t7:\n    acess: controlled\n',
      /policy\.yaml:3: genomes\.t7\.acess is unknown; allowed: access, study, assets/,
    ],
    ['genome: {}', /genome is unknown; allowed: default, require, genomes, studies/],
    [
      'genomes:\n  t7:\n    assets:\n      fasta:\n        tag: {}\n',
      /:5: genomes\.t7\.assets\.fasta\.tag is unknown/,
    ],
    ['genomes: {t7: {assets: {fasta: {tags: {v2: {acces: open}}}}}}', /tags\.v2\.acces is unknown/],
    ['genomes: {t7: {access: [controlled]}}', /must be open or controlled, not a list/],
    ['genomes: [t7]', /must be a map of genome to genome, not a list/],
    ['studies: {"a b": [t7]}', /is no usable name/],
    ['studies: {S: [t7/a/b]}', /has 't7\/a\/b', which is no pattern/],
    ['studies: {S: {paths: [t7], acess: open}}', /studies\.S\.acess is unknown/],
    ['studies: {S: t7}', /studies\.S must be a list of patterns/],
    ['a: [', /policy\.yaml/],
    ['', /the policy is empty; if everything is to be open, write `default: open`/],
    ['genomes:\nstudies: {}\n', /the policy is empty/],
    ['require: [licence]\n', /the policy says nothing of access; if everything/],
    ['genomes: {t7: }', /genomes\.t7 says nothing; give access, study, assets/],
    [
      'genomes: {t7: {assets: {fasta: {tags: {v2: {}}}}}}',
      /tags\.v2 says nothing; give access, study/,
    ],
    ['studies: {S: []}', /studies\.S has no pattern/],
    ['studies: {S: {paths: []}}', /studies\.S has no pattern/],
  ] as const) {
    await t.rejects(policyOf(t, text), { message: pattern }, text)
  }
  await t.rejects(readPolicy('/nowhere/policy.yaml'), {
    message: /cannot read the policy \/nowhere\/policy.yaml: there is no such file/,
  })
})

t.test('names that lead nowhere are told: most often they are typing errors', async t => {
  const policy = await policyOf(
    t,
    'genomes: {t7: {assets: {fasta: {tags: {v2: {access: open}, v3: {access: open}}}, panl: {access: controlled, tags: {x: {study: A}}}}}, t8: {access: controlled}, constructor: {access: controlled}}\nstudies: {S: [lamda/*, t7/fasta]}',
  )
  t.same(policy.strayNames(genomes), [
    'the policy names genomes.t7.assets.fasta.tags.v3, which is not in the config',
    'the policy names genomes.t7.assets.panl, which is not in the config',
    'the policy names genomes.t7.assets.panl.tags.x, which is not in the config',
    'the policy names genomes.t8, which is not in the config',
    'the policy names genomes.constructor, which is not in the config',
    'the pattern lamda/* of study S matches nothing in the config',
  ])
})

t.test('a genome config carries marks, and they are not attributes of a tag', async t => {
  const config = parseGenomeConfig(
    `config_version: 0.4
genomes:
  ${T7}:
    aliases: [t7]
    study: ALL
    assets:
      fasta:
        access: open
        tags:
          default: {asset_path: fasta, access: controlled, study: [A, B]}
      panel:
        tags:
          default: {asset_path: panel, access: 7}
          unfinished:
      nothing:
`,
    '/x/genome_config.yaml',
  )
  const [genome] = config.genomes
  t.ok(genome)
  if (genome === undefined) return
  t.same(config.marks.marksOf(genome, 'fasta', 'default'), [
    { access: 'controlled', studies: ['A', 'B'] },
    { access: 'open', studies: [] },
    { studies: ['ALL'] },
  ])
  t.same(config.marks.marksOf(genome), [{ studies: ['ALL'] }])
  t.same(config.marks.marksOf(genome, 'toString', 'x'), [{ studies: ['ALL'] }])
  t.same(config.marks.marksOf(genome, 'panel', 'unfinished'), [
    { studies: [] },
    { studies: ['ALL'] },
  ])
  t.same(config.marks.marksOf(genome, 'nothing'), [{ studies: ['ALL'] }])
  const tag = genome.assets.get('fasta')?.tags.get('default')
  t.same(tag?.attributes, { asset_path: 'fasta' })
  t.notMatch(config.warnings.join(), /access|study/)
  t.equal(new AccessTable(config.genomes, { configs: [config.marks] }).size, 4)
})

t.test('budgets of bytes', async t => {
  for (const [text, expected] of [
    ['500GB/day', { bytes: 500 * 1024 ** 3, seconds: 86_400 }],
    ['1.5 MB/s', { bytes: 1.5 * 1024 ** 2, seconds: 1 }],
    ['2TB/30d', { bytes: 2 * 1024 ** 4, seconds: 30 * 86_400 }],
    ['10B/month', { bytes: 10, seconds: 30 * 86_400 }],
    ['10B/hour', { bytes: 10, seconds: 3600 }],
    ['0B/day', undefined],
    ['10B/0d', undefined],
    ['10/day', undefined],
    ['10B', undefined],
    ['10B/fortnight', undefined],
  ] as const) {
    t.same(parseBudget(text), expected, text)
  }
  t.match(BUDGET_FORMS, /500GB/)
})

t.test(
  'secrets come from the environment, a file or a credential, and are never shown',
  async t => {
    const secret = 'correct horse battery staple, twice over'
    const folder = t.testdir({ 'refdepot-link-secret': `${secret}\n`, key: `${secret} 2\n` })
    const value = (environment: Record<string, string>, file = {}, flags = {}) =>
      resolveSettings({ flags, environment, file })['link-secret']
    t.equal(value({}), '')
    t.equal(value({ REFDEPOT_LINK_SECRET: secret }), secret)
    t.equal(value({ REFDEPOT_LINK_SECRET_FILE: `${folder}/key` }), `${secret} 2`)
    t.equal(value({ CREDENTIALS_DIRECTORY: folder }), secret)
    t.equal(value({ CREDENTIALS_DIRECTORY: '/nowhere' }), '')
    t.equal(value({}, { 'link-secret': secret }), secret)
    t.equal(
      value({ REFDEPOT_LINK_SECRET: secret }, {}, { 'link-secret': 'x'.repeat(40) }),
      secret,
      'there is no flag',
    )
    t.equal(value({}, {}, { 'link-secret': 'x'.repeat(40) }), '', 'there is no flag')
    const short = 'too short to be one'
    for (const attempt of [
      () => value({ REFDEPOT_LINK_SECRET: short }),
      () => value({}, { 'link-secret': short }),
      () => value({}, { 'link-secret': [short] }),
    ]) {
      t.throws(attempt, { message: /\[redacted\]/ })
      try {
        attempt()
      } catch (error) {
        t.notMatch((error as Error).message, short)
      }
    }
    t.throws(() => value({ REFDEPOT_LINK_SECRET_FILE: `${folder}/none` }), {
      message: /\$REFDEPOT_LINK_SECRET_FILE: '.*none' is not allowed/,
    })
    t.throws(() => value({ CREDENTIALS_DIRECTORY: `${folder}/key` }), {
      message: /systemd credential/,
    })
    t.equal(shownSetting('link-secret', secret), '[redacted]')
    t.equal(shownSetting('link-secret', ''), '')
    t.equal(shownSetting('title', 'x'), 'x')
    t.equal(shownSetting('state', 'postgres://u:secret@host/db'), 'postgres://u:[redacted]@host/db')
    t.equal(shownSetting('state', 'postgres://u@host/db'), 'postgres://u@host/db')
    t.equal(shownSetting('unknown', 'x'), 'x')
  },
)
