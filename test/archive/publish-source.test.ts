/** Folders and files of somebody's disk as genome folders, as `refgenie build` would have left them. */
import { mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import t, { type Test } from 'tap'
import { type PublishSource, stageSource } from '../../src/archive/publish-source.ts'
import { readRawConfig } from '../../src/config/raw-config.ts'
import { T7 } from '../support/genome-fixtures.ts'

const packed = await readFile('scripts/peers/t7.fa.gz')
const plain = gunzipSync(packed)

async function stage(t: Test, path: string, more: Partial<PublishSource> = {}) {
  const folder = t.testdirName
  const source = {
    path: join(folder, path),
    genome: 'seven',
    asset: 'fasta',
    tag: 'v1',
    seekKeys: {},
    attributes: {},
    ...more,
  }
  const staged = await stageSource(source, join(folder, 'staged'))
  const target = join(folder, 'staged/genomes/data', staged.genomeDigest, source.asset, source.tag)
  const config = await readRawConfig(staged.config)
  const tag = config.genomes?.[staged.genomeDigest]?.assets?.[source.asset]?.tags?.[source.tag]
  return { staged, target, config, tag, names: (await readdir(target)).sort() }
}

t.test('a FASTA, plain or packed, gets its digest, its index and its sizes', async t => {
  for (const [name, content] of [
    ['t7.fa', plain],
    ['t7.fasta.gz', packed],
  ] as const) {
    t.test(name, async t => {
      t.testdir({ [name]: content })
      const { staged, target, tag, names, config } = await stage(t, name, {
        genomeDescription: 'Phage',
        seekKeys: { more: '.' },
        attributes: { tag_description: 'mine' },
      })
      t.equal(staged.genomeDigest, T7)
      t.same(names, [`${T7}.chrom.sizes`, `${T7}.fa`, `${T7}.fa.fai`])
      t.ok((await readFile(join(target, `${T7}.fa`))).equals(plain))
      const fai = await readFile(join(target, `${T7}.fa.fai`), 'utf8')
      t.match(fai, /^\S+\t39937\t\d+\t\d+\t\d+\n$/)
      t.match(await readFile(join(target, `${T7}.chrom.sizes`), 'utf8'), /^\S+\t39937\n$/)
      t.match(tag, {
        tag_description: 'mine',
        seek_keys: {
          fasta: `${T7}.fa`,
          fai: `${T7}.fa.fai`,
          chrom_sizes: `${T7}.chrom.sizes`,
          dir: '.',
          more: '.',
        },
      })
      t.match(config.genomes?.[T7], { aliases: ['seven'], genome_description: 'Phage' })
    })
  }
})

t.test('a folder with a FASTA: what belonged to it under its old name is made anew', async t => {
  t.testdir({
    dir: {
      'x.fa': plain,
      'x.fa.fai': 'old',
      'x.chrom.sizes': 'old',
      'README.md': 'read me',
      sub: { 'y.txt': 'y' },
    },
  })
  await symlink('sub/y.txt', join(t.testdirName, 'dir/link'))
  const { target, names } = await stage(t, 'dir')
  t.same(
    names,
    [`${T7}.chrom.sizes`, `${T7}.fa`, `${T7}.fa.fai`, 'README.md', 'link', 'sub'].sort(),
  )
  t.equal(await readFile(join(target, 'sub/y.txt'), 'utf8'), 'y')
  t.equal(await readFile(join(target, 'link'), 'utf8'), 'y')
  const [here, there] = [
    await stat(join(target, 'README.md')),
    await stat(join(t.testdirName, 'dir/README.md')),
  ]
  t.equal(here.ino, there.ino, 'linked, not copied')
  t.equal(await readFile(join(t.testdirName, 'dir/x.fa.fai'), 'utf8'), 'old')
})

t.test('other assets need the digest of their genome', async t => {
  t.testdir({ one: { 'index.bin': 'x' }, two: { a: '1', b: '2' }, 'single.gtf': 'gtf' })
  const asset = { asset: 'anno', genomeDigest: T7 }
  t.match((await stage(t, 'one', asset)).tag, { seek_keys: { anno: 'index.bin', dir: '.' } })
  t.match((await stage(t, 'two', { ...asset, tag: 'v2' })).tag, {
    seek_keys: { anno: '.', dir: '.' },
  })
  t.match((await stage(t, 'single.gtf', { ...asset, tag: 'v3' })).tag, {
    seek_keys: { anno: 'single.gtf' },
  })
  await t.rejects(stage(t, 'two', { asset: 'anno' }), {
    code: 'source-refused',
    message: /--genome-digest/,
  })
})

t.test('what cannot be published says why', async t => {
  t.testdir({
    none: { 'x.txt': '' },
    many: { 'a.fa': '>a\nA\n', 'b.fa.gz': packed },
    'broken.fa.gz': packed.subarray(0, 5000),
    'odd.fa': '>a\nACGT\nAC\nACGT\n',
  })
  const refused = (path: string, message: RegExp) =>
    t.rejects(stage(t, path), { code: 'source-refused', message })
  await refused('nowhere', /there is no such folder or file/)
  await refused('none', /a fasta asset needs a FASTA file/)
  await refused('many', /has one FASTA file, here are a.fa, b.fa.gz/)
  await refused('broken.fa.gz', /unexpected end of file/)
  await refused('odd.fa', /it cannot be indexed: line/)
  await mkdir(join(t.testdirName, 'empty'))
  await writeFile(join(t.testdirName, 'empty/x.fa'), '')
})
