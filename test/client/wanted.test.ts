/** From what is asked for to assets. */
import t, { type Test } from 'tap'
import { RemoteCatalogue } from '../../src/client/remote-catalogue.ts'
import { findWanted, type WantedAssets } from '../../src/client/wanted.ts'
import { formatManifest, parseManifest } from '../../src/domain/manifest.ts'
import { Network } from '../../src/transfer/network.ts'
import { LAMBDA, T7 } from '../support/genome-fixtures.ts'
import { manyGenomes } from '../support/many-genomes.ts'
import { startApp } from '../support/start-app.ts'

const HEAD = 'registry_path\tmd5\tsha256\tsize\turls'
const FASTA_MD5 = '73dc250cced2a30748233539652ff894'

async function asked(t: Test) {
  const { listen, depot } = await startApp(t)
  await depot.check()
  const network = new Network({ retries: 0 })
  t.teardown(() => network.close())
  const catalogue = new RemoteCatalogue({ network, servers: [await listen()] })
  const find = (request: WantedAssets) => findWanted(catalogue, request)
  const names = async (request: WantedAssets) =>
    (await find(request)).map(({ asset, only }) => [asset.registryPath, ...(only ?? [])].join(' '))
  const rows = (...lines: string[]) => parseManifest([HEAD, ...lines].join('\n')).rows
  return { catalogue, find, names, rows }
}

t.test('names, genomes and assets', async t => {
  const { names, find } = await asked(t)
  t.same(await names({ names: ['lambda/fasta', 't7/fasta', FASTA_MD5, `${T7}/fasta:default`] }), [
    'lambda/fasta:default',
    't7/fasta:default',
  ])
  t.same(await names({ names: ['t7/fasta.fai'] }), ['t7/fasta:default fai'])
  t.same(await names({ genomes: ['t7'] }), [
    't7/bowtie2_index:default',
    't7/bwa_index:default',
    't7/fasta:default',
  ])
  t.same(await names({ assets: ['fasta'] }), ['lambda/fasta:default', 't7/fasta:default'])
  t.same(await names({ genomes: ['t7', LAMBDA], assets: ['fasta', 'bwa_index'] }), [
    't7/fasta:default',
    't7/bwa_index:default',
    `${LAMBDA}/fasta:default`,
    `${LAMBDA}/bwa_index:default`,
  ])
  await t.rejects(find({}), { code: 'usage-invalid', message: /nothing is asked for/ })
  await t.rejects(find({ genomes: ['t8'] }), { code: 'unknown-genome' })
  await t.rejects(find({ genomes: ['t7'], assets: ['nothing'] }), { code: 'unknown-asset' })
  await t.rejects(find({ assets: ['nothing'] }), { code: 'unknown-asset' })
})

t.test('everything that is missing is told at once', async t => {
  const { find } = await asked(t)
  await t.rejects(find({ names: ['t7/fasta', 't8/fasta', 't7/fasta:v9'] }), {
    code: 'unknown-genome',
    message: /^there is no genome t8 at .*\nthere is no tag t7\/fasta:v9 at [^\n]*$/,
  })
  const many = Array.from({ length: 40 }, (_, i) => `t7/a${i}`)
  const error: Error = await find({ names: many }).catch(error => error)
  t.match(error.message, /\n…$/)
  t.ok(error.message.split('\n').length < 40, 'not more than anybody reads')
})

t.test('a row of a manifest means its digest', async t => {
  const { find, rows, names } = await asked(t)
  const zeros = '0'.repeat(32)
  const sha256 = (await find({ names: ['t7/fasta'] }))[0]?.asset.archive.sha256 as string
  t.same(await names({ rows: rows(`t7/fasta:default\t${FASTA_MD5}\t\t13143\t`) }), [
    't7/fasta:default',
  ])
  const [moved] = await find({ rows: rows(`t7/bwa_index:default\t${FASTA_MD5}\t\t13143\t`) })
  t.match(moved?.asset, { asset: { name: 'fasta' }, archive: { md5: FASTA_MD5 } })
  const [byDigest] = await find({
    rows: rows(`t7/fasta\t\t${sha256}\t13143\thttps://near.example.org/x.tgz`),
  })
  t.match(byDigest?.asset, {
    registryPath: 't7/fasta:default',
    archive: { sha256, urls: [/archives/, 'https://near.example.org/x.tgz'] },
  })
  await t.rejects(find({ rows: rows(`t7/fasta:default\t${zeros}\t\t13143\t`) }), {
    code: 'unknown-archive',
    message: /the manifest wants t7\/fasta:default with the digest 0+; .* has 73dc/,
  })
  await t.rejects(find({ rows: rows(`t7/nothing\t${zeros}\t\t13143\t`) }), {
    code: 'unknown-asset',
  })
  t.match(formatManifest({ rows: rows(`t7/fasta\t${FASTA_MD5}\t\t1\t`) }, 'tsv'), /t7\/fasta/)
})

t.test('many names are asked for together', async t => {
  const { config, archiveFolder } = await manyGenomes(t, 60)
  const { listen, app } = await startApp(t, { config, archiveFolder })
  let asked = 0
  const network = new Network({ retries: 0 })
  t.teardown(() => network.close())
  const catalogue = () => new RemoteCatalogue({ network, servers: [url] })
  const url = await listen()
  app.server.on('request', () => {
    asked += 1
  })
  const names = Array.from({ length: 60 }, (_, i) => [
    `name${i}/fasta`,
    `name${i}/bwa_index:default`,
  ])
  const together = await findWanted(catalogue(), { names: names.flat() })
  t.ok(asked > 0 && asked < 20, `${asked} requests for ${together.length} assets`)
  t.equal(together.length, 120)
  const alone = await findWanted(catalogue(), { names: ['name7/fasta', 'name7/bwa_index:default'] })
  t.same(together.slice(14, 16), alone)
  await t.rejects(findWanted(catalogue(), { names: [...names.flat(), 'name7/nothing'] }), {
    code: 'unknown-asset',
  })
})
