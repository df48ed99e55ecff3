import t from 'tap'
import { AccessTable } from '../../src/domain/access.ts'
import { Catalogue } from '../../src/domain/catalogue.ts'
import {
  defaultTagOf,
  latestTagOf,
  Tag,
  type TagAttributes,
  type TagLife,
  tagNamed,
} from '../../src/domain/genome.ts'
import {
  mayRedistribute,
  missingFields,
  provenanceIn,
  provenanceOf,
} from '../../src/domain/provenance.ts'
import { NO_RIGHTS, Rights } from '../../src/domain/rights.ts'
import { visibleTo } from '../../src/domain/visible-catalogue.ts'
import { aGenome, anAsset, aTag, LAMBDA, T7 } from '../support/genome-fixtures.ts'

const withLife = (name: string, life: TagLife, attributes: TagAttributes = {}) =>
  new Tag(name, aTag(name, attributes).attributes, life)
const WITHDRAWN = { withdrawal: { reason: 'wrong strand', at: '2026-01-02T00:00:00.000Z' } }
const published = (name: string, publishedAt: string) => withLife(name, { publishedAt })

t.test('latest is the tag that was published last, then the last one of the config', async t => {
  const latest = (...tags: Tag[]) => latestTagOf(anAsset('fasta', tags))?.name
  t.equal(latest(published('b', '2026-02'), published('a', '2026-01')), 'b')
  t.equal(latest(aTag('x'), aTag('z'), aTag('y')), 'y', 'nobody knows when')
  t.equal(latest(published('a', '2026-01'), aTag('later')), 'a', 'a time counts more than none')
  t.equal(latest(published('a', '2026-01'), published('b', '2026-01')), 'b')
  t.equal(latest(aTag('a'), withLife('b', WITHDRAWN)), 'a', 'a withdrawn tag never is it')
  t.equal(latest(aTag('a'), aTag('raw', { archive_digest: undefined })), 'a')
  t.equal(
    latest(aTag('raw', { archive_digest: undefined })),
    'raw',
    'a build config has no archives',
  )
  t.equal(latest(withLife('b', WITHDRAWN)), undefined)
  t.equal(latest(), undefined)
})

t.test('the word latest means a tag that is called so before it means the last one', async t => {
  const asset = anAsset('fasta', [published('new', '2026-02'), published('old', '2026-01')])
  t.equal(tagNamed(asset, 'latest')?.name, 'new')
  t.equal(tagNamed(asset)?.name, 'new', 'the default tag is the first one')
  t.equal(tagNamed(asset, 'none'), undefined)
  const named = anAsset('fasta', [aTag('latest'), published('new', '2026-02')])
  t.equal(tagNamed(named, 'latest')?.name, 'latest')
  const catalogue = new Catalogue({ genomes: [aGenome(T7, [asset])] })
  t.equal(catalogue.entry('t7', 'fasta', 'latest')?.tag.name, 'new')
  t.equal(catalogue.resolve('t7/fasta.fasta:latest')?.tag.name, 'new')
})

t.test('what happened to a tag is kept when its attributes change', async t => {
  const tag = withLife('a', { publishedAt: '2026', ...WITHDRAWN }).withAttributes({ x: 'y' })
  t.same(tag.attributes, { x: 'y' })
  t.match(tag, { name: 'a', publishedAt: '2026', withdrawal: WITHDRAWN.withdrawal })
  t.notOk('withdrawn' in tag.attributes)
})

t.test('a withdrawn tag is in no list, but it is known by name and digest', async t => {
  const digests = { archive_digest: '1'.repeat(32), legacy_archive_digest: '2'.repeat(32) }
  const gone = withLife('v1', WITHDRAWN, digests)
  const child = aTag('default', { asset_parents: [`${T7}/fasta:v1`, `${T7}/fasta:v2`] })
  const fasta = anAsset('fasta', [gone, aTag('v2'), published('v3', '2026')], { defaultTag: 'v1' })
  const catalogue = new Catalogue({
    genomes: [
      aGenome(T7, [fasta, anAsset('index', [child])], { aliases: ['t7', 'both'] }),
      aGenome(LAMBDA, [], { aliases: ['lambda', 'both'] }),
    ],
  })
  t.same([...(catalogue.asset('t7', 'fasta')?.tags.keys() ?? [])], ['v2', 'v3'])
  t.same(catalogue.entry('t7', 'index')?.tag.parents, [`${T7}/fasta:v2`])
  t.equal(catalogue.archive('1'.repeat(32)), undefined)
  t.equal(catalogue.archive('2'.repeat(32)), undefined)
  t.match(catalogue.unlisted, [{ reason: 'was withdrawn: wrong strand' }])
  t.match(catalogue.withdrawn.archive('1'.repeat(32)), WITHDRAWN)
  t.match(catalogue.withdrawn.archive('2'.repeat(32)), WITHDRAWN)
  t.equal(catalogue.withdrawn.archive('3'.repeat(32)), undefined)
  t.match([...catalogue.withdrawn.entries()], [{ entry: { tag: { name: 'v1' } } }])
  for (const genome of ['t7', T7])
    t.match(catalogue.withdrawnEntry(genome, 'fasta', 'v1'), WITHDRAWN)
  for (const [genome, asset, tag] of [
    ['t7', 'fasta', 'v2'],
    ['t7', 'fasta', undefined],
    ['t7', 'index', 'v1'],
    ['nope', 'fasta', 'v1'],
    ['both', 'fasta', 'v1'],
  ] as const) {
    t.equal(catalogue.withdrawnEntry(genome, asset, tag), undefined, `${genome} ${asset} ${tag}`)
  }
})

t.test('when the default tag is withdrawn, the last published one takes its place', async t => {
  const defaultOf = (more: object, ...tags: Tag[]) => {
    const catalogue = new Catalogue({ genomes: [aGenome(T7, [anAsset('fasta', tags, more)])] })
    return catalogue.defaultTag('t7', 'fasta')
  }
  const tags = [aTag('a'), published('b', '2026-02'), published('c', '2026-01')]
  t.equal(defaultOf({ defaultTag: 'v1' }, withLife('v1', WITHDRAWN), ...tags), 'b')
  t.equal(defaultOf({}, withLife('v1', WITHDRAWN), ...tags), 'b', 'the first tag was the default')
  t.equal(defaultOf({ defaultTag: 'a' }, withLife('v1', WITHDRAWN), ...tags), 'a')
  const raw = aTag('raw', { archive_digest: undefined })
  t.equal(
    defaultOf({ defaultTag: 'raw' }, raw, ...tags),
    'a',
    'as the peer: the first that is archived',
  )
})

t.test('of an asset of which everything is withdrawn the former default is told', async t => {
  const tags = [withLife('v1', WITHDRAWN), withLife('v2', WITHDRAWN)]
  const only = anAsset('fasta', tags, { defaultTag: 'v2' })
  const raw = aTag('raw', { archive_digest: undefined })
  const odd = anAsset('odd', [raw, withLife('v1', WITHDRAWN)], { defaultTag: 'raw' })
  const catalogue = new Catalogue({ genomes: [aGenome(T7, [only, odd])] })
  t.same(catalogue.genomes, [])
  t.equal(catalogue.withdrawnEntry('t7', 'fasta')?.entry.tag.name, 'v2')
  t.equal(catalogue.withdrawnEntry('t7', 'fasta', 'latest')?.entry.tag.name, 'v2')
  t.equal(catalogue.withdrawnEntry('t7', 'fasta', 'v1')?.entry.tag.name, 'v1')
  t.equal(catalogue.withdrawnEntry('t7', 'fasta', 'v9'), undefined)
  t.equal(catalogue.withdrawnEntry('t7', 'odd'), undefined)
  t.equal(catalogue.withdrawnEntry('t7', 'none'), undefined)
})

t.test('a controlled withdrawn tag is none for whoever may not see it', async t => {
  const gone = withLife('v1', WITHDRAWN, { archive_digest: '1'.repeat(32) })
  const genomes = [aGenome(T7, [anAsset('fasta', [gone, aTag('v2')])])]
  const access = new AccessTable(genomes, {
    configs: [
      {
        marksOf: (_genome, _asset, tag) =>
          tag === 'v1' ? [{ access: 'controlled', studies: [] }] : [],
      },
    ],
  })
  const whole = { source: { genomes }, catalogue: new Catalogue({ genomes }), access }
  const nobody = visibleTo(NO_RIGHTS, whole)
  t.equal(nobody.withdrawnEntry('t7', 'fasta', 'v1'), undefined)
  t.equal(nobody.withdrawn.archive('1'.repeat(32)), undefined)
  t.same(nobody.unlisted, [])
  t.equal(defaultTagOf(nobody.asset('t7', 'fasta') as never), 'v2')
  t.match(visibleTo(new Rights(['read:*']), whole).withdrawnEntry('t7', 'fasta', 'v1'), WITHDRAWN)
})

t.test('what is said nearest to the tag counts, field by field', async t => {
  const genome = { provenance: provenanceIn({ licence: 'CC0-1.0', source: 'UCSC', citation: ' ' }) }
  const asset = { provenance: provenanceIn({ license: 'MIT', licence: '', release: null }) }
  const tag = aTag('default', { release: '110', redistribute: 'No', accession: ['x'] })
  const places = { genome, asset, tag }
  t.same(provenanceOf(places), {
    licence: 'MIT',
    source: 'UCSC',
    release: '110',
    redistribute: 'No',
  })
  t.same(missingFields(places, ['licence', 'accession', 'citation']), ['accession', 'citation'])
  t.same(missingFields({ genome: {}, asset: {}, tag: aTag() }, ['source']), ['source'])
  t.equal(mayRedistribute(provenanceOf(places)), false)
  t.equal(mayRedistribute({ redistribute: 'yes' }), true)
  t.equal(mayRedistribute({ redistribute: 'True' }), true)
  t.equal(mayRedistribute({}), undefined)
})
