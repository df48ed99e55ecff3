import t from 'tap'
import { searchAssets } from '../../src/domain/asset-search.ts'
import { Catalogue, entriesOf, registryPathOf } from '../../src/domain/catalogue.ts'
import { defaultTagOf, nameOf, Tag } from '../../src/domain/genome.ts'
import { aGenome, anAsset, aTag, LAMBDA, T7 } from '../support/genome-fixtures.ts'

const UNARCHIVED = { archive_digest: undefined }

t.test('genomes are found by digest first, then by alias', async t => {
  const lambda = aGenome(LAMBDA, [anAsset()], { aliases: ['lambda', T7] })
  const t7 = aGenome(T7, [anAsset()], { aliases: ['t7', 'phage'] })
  const catalogue = new Catalogue({ genomes: [t7, lambda] })
  t.equal(catalogue.genome(T7)?.digest, T7)
  t.equal(catalogue.genome('phage')?.digest, T7)
  t.equal(catalogue.genome('lambda')?.digest, LAMBDA)
  t.equal(catalogue.genome('nope'), undefined)
  t.equal(catalogue.digestOfAlias('phage'), T7)
  t.equal(catalogue.digestOfAlias('nope'), undefined)
})

t.test('an alias of two genomes means the later one, as in the peer', async t => {
  const catalogue = new Catalogue({ genomes: [aGenome(T7), aGenome(LAMBDA)] })
  t.equal(catalogue.genome('t7')?.digest, LAMBDA)
})

t.test('tags are found by name, by default and by every digest', async t => {
  const legacy = { legacy_archive_digest: 'd'.repeat(32), asset_digest: 'c'.repeat(32) }
  const tags = [aTag('v1'), aTag('v2', { archive_digest: 'e'.repeat(32), ...legacy })]
  const asset = anAsset('fasta', tags, { defaultTag: 'v2' })
  const catalogue = new Catalogue({ genomes: [aGenome(T7, [asset])] })
  t.equal(catalogue.entry('t7', 'fasta')?.tag.name, 'v2')
  t.equal(catalogue.entry('t7', 'fasta', 'v1')?.tag.name, 'v1')
  t.equal(catalogue.entry('t7', 'fasta', 'v3'), undefined)
  t.equal(catalogue.entry('t7', 'nope'), undefined)
  t.equal(catalogue.entry('nope', 'fasta'), undefined)
  t.match(catalogue.archive('e'.repeat(32)), { form: 'stored', tag: { name: 'v2' } })
  t.match(catalogue.archive('d'.repeat(32)), { form: 'legacy', tag: { name: 'v2' } })
  t.equal(catalogue.archive('0'.repeat(32)), undefined)
  t.equal(catalogue.byAssetDigest('c'.repeat(32))?.tag.name, 'v2')
  t.equal(catalogue.asset('t7', 'fasta')?.name, 'fasta')
  t.equal(catalogue.defaultTag('t7', 'fasta'), 'v2')
  t.equal(catalogue.defaultTag('t7', 'nope'), 'default')
})

t.test('the first of two archives with one digest counts', async t => {
  const catalogue = new Catalogue({ genomes: [aGenome(T7), aGenome(LAMBDA, [anAsset()])] })
  t.equal(catalogue.archive('b'.repeat(32))?.genome.digest, T7)
  t.equal(catalogue.byAssetDigest('a'.repeat(32))?.genome.digest, T7)
})

t.test('tags without any digest are indexed by none', async t => {
  const bare = aTag('default', { asset_digest: '' })
  const catalogue = new Catalogue({ genomes: [aGenome(T7, [anAsset('fasta', [bare])])] })
  t.equal(catalogue.byAssetDigest(''), undefined)
})

t.test('registry paths resolve with seek key and tag', async t => {
  const catalogue = new Catalogue({ genomes: [aGenome()] })
  for (const path of [
    't7/fasta',
    't7/fasta:default',
    't7/fasta.fasta',
    `${T7}/fasta.dir:default`,
  ]) {
    t.equal(catalogue.resolve(path)?.asset.name, 'fasta', path)
  }
  for (const path of [
    'fasta',
    't7/nope',
    't7/fasta.nope',
    't7/fasta.constructor',
    't7/fasta:nope',
    'a b',
  ]) {
    t.equal(catalogue.resolve(path), undefined, path)
  }
})

t.test('what is not archived is not listed, and says why', async t => {
  const relative = `${T7}/bwa_index:default`
  const children = { asset_children: [relative, 'x/y:z'], asset_parents: [relative] }
  const catalogue = new Catalogue({
    genomes: [
      aGenome(T7, [
        anAsset('fasta', [aTag('default', children), aTag('v2', UNARCHIVED)], { defaultTag: 'v2' }),
        anAsset('bwa_index', [aTag('default', { archive_size: undefined })]),
        anAsset('planned', []),
      ]),
      aGenome(LAMBDA, [anAsset('fasta', [aTag('default', UNARCHIVED)])], { aliases: ['lambda'] }),
      aGenome('0'.repeat(48), [], { aliases: ['empty'] }),
    ],
  })
  t.same(
    catalogue.genomes.map(genome => genome.digest),
    [T7, '0'.repeat(48)],
  )
  t.same([...(catalogue.genomes[0]?.assets.keys() ?? [])], ['fasta', 'planned'])
  t.equal(catalogue.entry('t7', 'fasta')?.tag.name, 'default', 'the purged default tag moves on')
  t.same(catalogue.entry('t7', 'fasta')?.tag.children, ['x/y:z'])
  t.same(catalogue.entry('t7', 'fasta')?.tag.parents, [])
  t.equal(catalogue.digestOfAlias('lambda'), LAMBDA, 'the alias still resolves, as in the peer')
  t.equal(catalogue.genome('lambda'), undefined)
  t.equal(catalogue.archiveCount, 1)
  t.match(catalogue.unlisted, [
    { registryPath: `${T7}/fasta:v2`, reason: /no archive_digest/ },
    { registryPath: relative, reason: /no archive_size/ },
    { registryPath: `${LAMBDA}/fasta:default` },
  ])
})

t.test('relatives stay absent where the config has none', async t => {
  const bare = new Tag('default', {
    archive_digest: 'b'.repeat(32),
    archive_size: '1.00 KB',
    asset_children: [`${T7}/x:default`],
  })
  const catalogue = new Catalogue({
    genomes: [aGenome(T7, [anAsset('fasta', [bare]), anAsset('x', [aTag('default', UNARCHIVED)])])],
  })
  t.same(catalogue.entry('t7', 'fasta')?.tag.attributes.asset_children, [])
  t.notOk('asset_parents' in (catalogue.entry('t7', 'fasta')?.tag.attributes ?? {}))
  const onlyParents = new Tag('default', {
    archive_digest: 'b'.repeat(32),
    archive_size: '1.00 KB',
    asset_parents: [`${T7}/x:default`],
  })
  const second = new Catalogue({
    genomes: [
      aGenome(T7, [anAsset('fasta', [onlyParents]), anAsset('x', [aTag('default', UNARCHIVED)])]),
    ],
  })
  t.notOk('asset_children' in (second.entry('t7', 'fasta')?.tag.attributes ?? {}))
})

t.test('a tag answers what its config lacks with empty values', async t => {
  const tag = new Tag('default', { seek_keys: null, archive_size: 5 })
  t.match(tag, {
    assetPath: '',
    assetDigest: '',
    legacyArchiveDigest: '',
    assetSize: '',
    description: '',
    archived: false,
  })
  t.same([tag.seekKeys, tag.parents, tag.children], [{}, [], []])
})

t.test('names and default tags have fall-backs', async t => {
  t.equal(nameOf(aGenome(T7, [], { aliases: [] })), T7)
  t.equal(defaultTagOf(anAsset('fasta', [])), 'default')
  t.equal(defaultTagOf(anAsset('fasta', [aTag('x')], { defaultTag: 'gone' })), 'x')
  const [entry] = entriesOf(aGenome())
  t.equal(entry && registryPathOf(entry), `${T7}/fasta:default`)
})

t.test('search filters, orders and pages', async t => {
  const genomes = [
    aGenome(T7, [anAsset('fasta', [aTag('v2'), aTag('v1')]), anAsset('bwa_index')], {
      description: 'Phage T7',
    }),
    aGenome(LAMBDA, [anAsset('fasta', [aTag()], { description: 'DNA' })], { aliases: ['lambda'] }),
    aGenome('0'.repeat(48), [anAsset('gtf')], { aliases: ['t7'] }),
  ]
  const catalogue = new Catalogue({ genomes, remotes: new Map() })
  const find = (query: object) => {
    const page = searchAssets(catalogue, { offset: 0, limit: 10, ...query })
    return page.items.map(({ genome, asset, tag }) => `${nameOf(genome)}/${asset.name}:${tag.name}`)
  }
  const everything = [
    'lambda/fasta:default',
    't7/gtf:default',
    't7/bwa_index:default',
    't7/fasta:v1',
    't7/fasta:v2',
  ]
  t.same(find({}), everything)
  t.same(find({ offset: 1, limit: 2 }), everything.slice(1, 3))
  t.same(find({ q: 'PHAGE v1' }), ['t7/fasta:v1'])
  t.same(find({ q: 'dna' }), ['lambda/fasta:default'])
  t.same(find({ genome: LAMBDA }), ['lambda/fasta:default'])
  t.same(find({ genome: 'nope' }), [])
  t.same(find({ asset: 'gtf' }), ['t7/gtf:default'])
  t.equal(searchAssets(catalogue, { offset: 0, limit: 1 }).total, 5)
})
