/** Links to files of other assets: where they lead in a folder of ours. */
import { join } from 'node:path'
import t from 'tap'
import { openTarget } from '../../src/client/open-target.ts'
import type { RemoteAsset } from '../../src/client/remote-asset.ts'

const G = '6c5f19c9c2850e62cc3f89b04047fa05eee911662bd77905'
const ASSET: RemoteAsset = {
  server: 'http://refs.example',
  registryPath: 't7/bwa_index:default',
  genome: { digest: G, aliases: ['t7'] },
  asset: { name: 'bwa_index', defaultTag: 'default' },
  tag: 'default',
  attributes: {},
  archive: { md5: '0'.repeat(32), size: 1, indexed: false, urls: [] },
}

t.test('in a genome folder they lead to the asset there', async t => {
  const target = await openTarget({ folder: join(t.testdir(), 'genomes'), layout: 'refgenie' })
  const link = (path: string, to: string) => target.linkOutside(ASSET, path, to)
  t.equal(link('x.fa', `/srv/genomes/data/${G}/fasta/default/x.fa`), '../../fasta/default/x.fa')
  t.equal(link('a/x.fa', `/data/${G}/fasta/v2/b/x.fa`), '../../../fasta/v2/b/x.fa')
  t.equal(link('x.fa', '/data/other/fasta/default/x.fa'), '../../../other/fasta/default/x.fa')
  t.equal(link('x.fa', '../../fasta/default/x.fa'), '../../fasta/default/x.fa', 'relative ones too')
  for (const odd of [
    '/etc/passwd',
    '../../../../../etc/passwd',
    '/data/../x/default/y',
    `/data/${G}/fasta/.hidden/x`,
  ]) {
    t.equal(link('x.fa', odd), undefined, odd)
  }
  t.throws(() => link('x.fa', `/data/${G}/fasta/default/../../../../../etc/passwd`), /refused/)
})

t.test('layouts without names for it leave them out', async t => {
  for (const layout of ['flat', 'digest'] as const) {
    const target = await openTarget({ folder: join(t.testdirName, layout), layout })
    t.equal(target.linkOutside(ASSET, 'x.fa', `/data/${G}/fasta/default/x.fa`), undefined)
  }
})
