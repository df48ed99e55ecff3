import t from 'tap'
import { type AssetQuery, searchAssets } from '../../src/domain/asset-search.ts'
import { Catalogue, registryPathOf } from '../../src/domain/catalogue.ts'
import { nameOf } from '../../src/domain/genome.ts'
import { byCodePoint } from '../../src/domain/text-order.ts'
import { aGenome, anAsset, aTag, LAMBDA, T7 } from '../support/genome-fixtures.ts'

const md5 = (digit: string) => digit.repeat(32)

const CATALOGUE = new Catalogue({
  genomes: [
    aGenome(
      T7,
      [
        anAsset('gtf', [aTag('default', { tag_description: 'Genes of Faded origin' })]),
        anAsset('fasta', [
          aTag('v2', { archive_digest: md5('a') }),
          aTag('v1', { archive_digest: `${md5('c').slice(3)}bad`, tag_description: 'v1' }),
        ]),
      ],
      { aliases: ['t7', 'Phage'], description: 'line\nend, two lines' },
    ),
    aGenome(LAMBDA, [anAsset('fasta', [aTag('default', { archive_digest: md5('b') })])], {
      aliases: ['lambda'],
      description: 'a phage',
    }),
    aGenome(T7.replace(/^./, 'f'), [anAsset('bad', []), anAsset('other', [aTag('v2')])], {
      aliases: [],
    }),
  ],
})

/** The rule, put plainly. */
function plainly({ q = '', genome, asset, offset, limit }: AssetQuery) {
  const wanted = genome === undefined ? undefined : CATALOGUE.genome(genome)
  const rows = [...CATALOGUE.entries()]
    .sort(
      (a, b) =>
        byCodePoint(nameOf(a.genome), nameOf(b.genome)) ||
        byCodePoint(a.asset.name, b.asset.name) ||
        byCodePoint(a.tag.name, b.tag.name),
    )
    .filter(entry => {
      const { aliases, digest, description } = entry.genome
      const { tag } = entry
      const texts = [...aliases, digest, description, entry.asset.name, entry.asset.description]
      const own = [tag.name, tag.description, tag.archiveDigest, tag.assetDigest]
      const text = [...texts, ...own].join('\n').toLowerCase()
      const words = q.toLowerCase().split(/\s+/).filter(Boolean)
      return (
        (genome === undefined || entry.genome === wanted) &&
        (asset === undefined || entry.asset.name === asset) &&
        words.every(word => text.includes(word))
      )
    })
  const items = rows.slice(offset, offset + limit).map(registryPathOf)
  return { items, total: rows.length, offset, limit }
}

t.test('every question is answered as if each tag was looked at', async t => {
  const words = [
    '',
    ...[
      'phage',
      'PHAGE fasta',
      'v1',
      'v2 t7',
      'bad',
      'fade',
      'fad',
      'a',
      'b',
      'e',
      'end',
      'nothing',
    ],
    ...[
      'lambda b',
      md5('a'),
      T7,
      T7.slice(5, 20),
      'default bbbb',
      'fasta fasta',
      'two end',
      'x y z',
    ],
  ]
  let found = 0
  for (const q of words) {
    for (const genome of [undefined, 't7', LAMBDA, 'unknown']) {
      for (const asset of [undefined, 'fasta', 'bad', 'unknown']) {
        for (const [offset, limit] of [
          [0, 10],
          [1, 1],
          [3, 10],
          [9, 2],
        ] as const) {
          const given = { ...(genome && { genome }), ...(asset && { asset }) }
          const query = { ...(q !== '' && { q }), ...given, offset, limit }
          const page = searchAssets(CATALOGUE, query)
          t.same({ ...page, items: page.items.map(registryPathOf) }, plainly(query))
          found += page.items.length
        }
      }
    }
  }
  t.ok(found > 100)
})

t.test('more questions than are remembered', async t => {
  for (let i = 0; i < 40; i += 1) {
    const word = ['phage', 'fasta', 'v2', 'bad'][i % 4]
    const page = searchAssets(CATALOGUE, {
      q: `${word} ${i % 8 === 0 ? 't7' : 'a'}${' '.repeat(i)}`,
      offset: 0,
      limit: 9,
    })
    t.ok(page.total <= 5)
    t.equal(searchAssets(CATALOGUE, { q: `none${i}`, offset: 0, limit: 9 }).total, 0)
  }
})
