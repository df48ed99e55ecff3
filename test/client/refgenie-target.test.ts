import { mkdir, readdir, readFile, readlink, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { openTarget } from '../../src/client/open-target.ts'
import { readGenomeConfig } from '../../src/config/genome-config.ts'
import { filledWith, GENOME, remoteAsset } from '../support/remote-asset.ts'

const never = async () => {
  throw new Error('filled although nothing was to be fetched')
}
const OTHER = '1'.repeat(48)
const PARENT = `${GENOME}/fasta:default`

t.test(
  'a new genome folder: config, data and alias tree as the Python tools make them',
  async t => {
    const folder = t.testdir({})
    const target = await openTarget({ folder, layout: 'refgenie' })
    t.same(await readdir(folder), [], 'opened, nothing written')
    const placed = await target.place(remoteAsset({ server: 'http://a/' }), filledWith())
    t.same(placed, { path: join(folder, 'data', GENOME, 'fasta/default'), action: 'pulled' })
    t.equal(
      await readFile(join(folder, 'genome_config.yaml'), 'utf8'),
      `config_version: 0.4
genome_folder: ${folder}
genome_servers:
- http://a
genomes:
  ${GENOME}:
    aliases:
    - t7
    assets:
      fasta:
        default_tag: default
        tags:
          default:
            asset_digest: ${remoteAsset().attributes.asset_digest}
            asset_parents: []
            asset_path: fasta
            seek_keys:
              dir: .
              fai: ${GENOME}.fa.fai
              fasta: ${GENOME}.fa
`,
    )
    const alias = join(folder, 'alias/t7/fasta/default')
    t.equal(await readFile(join(alias, 't7.fa'), 'utf8'), '>t7\nACGT\n')
    t.equal(
      await readlink(join(alias, 'inner/Grünling ☃.txt')),
      `../../../../../data/${GENOME}/fasta/default/inner/Grünling ☃.txt`,
    )
    t.equal(await target.find(remoteAsset()), placed.path)
    t.same(await target.place(remoteAsset(), never), { path: placed.path, action: 'current' })
  },
)

t.test('a new config names the servers that were given', async t => {
  const folder = t.testdir({})
  const target = await openTarget(
    { folder, layout: 'refgenie' },
    { servers: ['http://b', 'http://c/'] },
  )
  await target.place(remoteAsset(), filledWith())
  const { servers } = await readGenomeConfig(join(folder, 'genome_config.yaml'))
  t.same(servers, ['http://b', 'http://c'])
})

t.test(
  'a config that is there keeps its comments, its unknown keys and what it says of others',
  async t => {
    const config = `# ours
config_version: 0.4
genome_folder: .
genome_servers: [http://a]
mine: {x: 1}
genomes:
  ${OTHER}: # lambda
    aliases: [lambda]
    assets: {}
`
    const folder = t.testdir({ 'c.yaml': config })
    const target = await openTarget({ config: join(folder, 'c.yaml') })
    const described = { description: 'Phage: T7', aliases: ['t7'] }
    await target.place(remoteAsset({ genome: described, tag: '1.10' }), filledWith())
    const text = await readFile(join(folder, 'c.yaml'), 'utf8')
    t.equal(text.slice(0, config.length - 60).split('\n')[0], '# ours')
    t.match(text, 'mine: {x: 1}')
    t.match(text, '# lambda')
    t.match(text, "'1.10':")
    const { genomes } = await readGenomeConfig(join(folder, 'c.yaml'))
    t.same(
      genomes.map(genome => [genome.digest, genome.description, genome.aliases]),
      [
        [OTHER, undefined, ['lambda']],
        [GENOME, 'Phage: T7', ['t7']],
      ],
    )
    t.equal(genomes[1]?.assets.get('fasta')?.defaultTag, '1.10')
    // The second tag does not change the default, nor the description that is there.
    await target.place(remoteAsset({ genome: { description: 'else' } }), filledWith())
    const [, genome] = (await readGenomeConfig(join(folder, 'c.yaml'))).genomes
    t.equal(genome?.assets.get('fasta')?.defaultTag, '1.10')
    t.equal(genome?.description, 'Phage: T7')
    t.same([...(genome?.assets.get('fasta')?.tags.keys() ?? [])], ['1.10', 'default'])
  },
)

t.test('a config that is not there, or is no 0.4, is refused', async t => {
  const folder = t.testdir({ 'old.yaml': 'config_version: 0.3\ngenomes: {}\n' })
  await t.rejects(openTarget({ config: join(folder, 'none.yaml') }), { code: 'config-unreadable' })
  await t.rejects(openTarget({ config: join(folder, 'old.yaml') }), { code: 'config-invalid' })
})

t.test(
  'an alias that belongs to another genome is refused; other aliases of the server are not taken',
  async t => {
    const folder = t.testdir({
      'genome_config.yaml': `config_version: 0.4\ngenomes:\n  ${OTHER}:\n    aliases:\n    - t7\n`,
    })
    const target = await openTarget({ folder, layout: 'refgenie' })
    await t.rejects(target.place(remoteAsset(), never), {
      code: 'pull-refused',
      message: new RegExp(`t7 is the genome ${OTHER} in .*, but ${GENOME} at`),
    })
    // By digest: the free aliases of the server, without those that are no names.
    const genome = { aliases: ['t7', 'enterophage', '../x'] }
    await target.place(remoteAsset({ asked: GENOME, genome }), filledWith())
    const [, added] = (await readGenomeConfig(join(folder, 'genome_config.yaml'))).genomes
    t.same(added?.aliases, ['enterophage'])
    t.same(await readdir(join(folder, 'alias')), ['enterophage'])
  },
)

t.test('another alias of a genome that is here: all of it gets links', async t => {
  const folder = t.testdir({})
  const target = await openTarget({ folder, layout: 'refgenie' })
  await target.place(remoteAsset(), filledWith())
  const asset = remoteAsset({ asked: 'phage' })
  t.equal(await target.find(asset), undefined, 'the name is not known yet')
  t.equal((await target.place(asset, never)).action, 'current')
  t.ok(await target.find(asset))
  t.equal(await readFile(join(folder, 'alias/phage/fasta/default/phage.fa'), 'utf8'), '>t7\nACGT\n')
  const [genome] = (await readGenomeConfig(join(folder, 'genome_config.yaml'))).genomes
  t.same(genome?.aliases, ['t7', 'phage'])
})

t.test(
  'relatives: a parent learns of its child, one that is not here only with its digest',
  async t => {
    const folder = t.testdir({})
    const target = await openTarget({ folder, layout: 'refgenie' })
    const index = (parentDigests?: Record<string, string>, tag = 'default') =>
      remoteAsset({
        name: 'bowtie2_index',
        tag,
        archive: { md5: tag === 'default' ? 'a'.repeat(32) : 'b'.repeat(32) },
        attributes: {
          asset_digest: 'e'.repeat(32),
          asset_parents: [PARENT],
          seek_keys: { dir: '.' },
        },
        ...(parentDigests && { parentDigests }),
      })
    const tags = async () => {
      const [genome] = (await readGenomeConfig(join(folder, 'genome_config.yaml'))).genomes
      return genome?.assets.get('fasta')?.tags
    }
    await target.place(index(undefined, 'v0'), filledWith())
    t.equal(await tags(), undefined)
    await target.place(index({ [PARENT]: 'f'.repeat(32) }), filledWith())
    t.same((await tags())?.get('default')?.attributes, {
      asset_digest: 'f'.repeat(32),
      asset_children: [`${GENOME}/bowtie2_index:default`],
    })
    await target.place(index({ [PARENT]: 'f'.repeat(32) }, 'v2'), filledWith())
    t.same((await tags())?.get('default')?.children, [
      `${GENOME}/bowtie2_index:default`,
      `${GENOME}/bowtie2_index:v2`,
    ])
    const wrong = index({ [PARENT]: '0'.repeat(32) }, 'v3')
    await t.rejects(target.place(wrong, never), { code: 'pull-refused', message: /was made of/ })
    // The parent comes, its children stay known.
    await target.place(remoteAsset(), filledWith())
    t.equal((await tags())?.get('default')?.children.length, 2)
    t.ok(await target.find(remoteAsset()))
  },
)

t.test(
  'a run that was killed between folder and config is completed without a download',
  async t => {
    const folder = t.testdir({})
    const target = await openTarget({ folder, layout: 'refgenie' })
    await target.place(remoteAsset(), filledWith())
    const config = join(folder, 'genome_config.yaml')
    await writeFile(config, `config_version: 0.4\ngenome_folder: ${folder}\ngenomes: {}\n`)
    await rm(join(folder, 'alias/t7'), { recursive: true })
    t.equal(await target.find(remoteAsset()), undefined)
    t.equal((await target.place(remoteAsset(), never)).action, 'current')
    t.ok(await target.find(remoteAsset()))
    t.equal(await readFile(join(folder, 'alias/t7/fasta/default/t7.fa'), 'utf8'), '>t7\nACGT\n')
  },
)

t.test('what the Python client has pulled counts by its asset digest', async t => {
  const folder = t.testdir({})
  const target = await openTarget({ folder, layout: 'refgenie' })
  await target.place(remoteAsset(), filledWith())
  await rm(join(folder, 'data/.refdepot'), { recursive: true })
  t.ok(await target.find(remoteAsset()))
  // Packed anew at the server, with the same files in it.
  t.ok(await target.find(remoteAsset({ archive: { md5: '9'.repeat(32) } })))
  const other = remoteAsset({ attributes: { asset_digest: '1'.repeat(32) } })
  t.equal(await target.find(other), undefined)
  await t.rejects(target.place(other, never), { code: 'pull-refused' })
  const none = remoteAsset({ attributes: { asset_digest: '' } })
  await t.rejects(target.place(none, never), { code: 'pull-refused' })
})

t.test(
  'replaced with force: no link leads to what is gone, files of others in the alias tree stay',
  async t => {
    const folder = t.testdir({})
    const target = await openTarget({ folder, layout: 'refgenie' })
    await target.place(remoteAsset(), filledWith())
    const alias = join(folder, 'alias/t7/fasta/default')
    await writeFile(join(alias, 'note.txt'), 'mine')
    await rm(join(alias, 't7.fa'))
    await symlink('/elsewhere', join(alias, 't7.fa'))
    const forced = await openTarget({ folder, layout: 'refgenie' }, { force: true })
    const newer = remoteAsset({
      archive: { md5: '9'.repeat(32) },
      attributes: { asset_digest: '1'.repeat(32), seek_keys: { fasta: `${GENOME}.fa` } },
    })
    await forced.place(newer, filledWith({ [`${GENOME}.fa`]: 'new', [`${GENOME}.d/x`]: 'x' }))
    t.same((await readdir(alias)).sort(), ['inner', 'note.txt', 't7.d', 't7.fa'])
    t.same(await readdir(join(alias, 'inner')), [])
    t.equal(await readFile(join(alias, 't7.fa'), 'utf8'), 'new')
    const [genome] = (await readGenomeConfig(join(folder, 'genome_config.yaml'))).genomes
    t.same(genome?.assets.get('fasta')?.tags.get('default')?.seekKeys, { fasta: `${GENOME}.fa` })
  },
)

t.test('assets of a new genome that come at the same time all get their links', async t => {
  const folder = t.testdir({})
  const names = Array.from({ length: 12 }, (_, i) => `asset${i}`)
  await Promise.all(
    names.map(async (name, i) => {
      const target = await openTarget({ folder, layout: 'refgenie' })
      const md5 = i.toString(16).repeat(32).slice(0, 32)
      await target.place(remoteAsset({ name, archive: { md5 } }), filledWith())
    }),
  )
  const [genome] = (await readGenomeConfig(join(folder, 'genome_config.yaml'))).genomes
  t.same([...(genome?.assets.keys() ?? [])].sort(), names.toSorted())
  for (const name of names) {
    t.equal(await readFile(join(folder, 'alias/t7', name, 'default/t7.fa'), 'utf8'), '>t7\nACGT\n')
  }
})

t.test('an archive in a genome folder is no asset of its config', async t => {
  const folder = t.testdir({})
  const target = await openTarget({ folder, layout: 'refgenie' }, { archive: true })
  const { path } = await target.place(remoteAsset(), staging => writeFile(staging, 'archive'))
  t.equal(path, join(folder, 'data', GENOME, 'fasta/fasta__default.tgz'))
  t.equal(await target.find(remoteAsset()), path)
  t.same((await readdir(folder)).sort(), ['alias', 'data', 'genome_config.yaml'])
  t.same((await readGenomeConfig(join(folder, 'genome_config.yaml'))).genomes, [])
})

t.test('the genome folder may stand in a variable', async t => {
  const folder = t.testdir({
    'c.yaml':
      'config_version: 0.4\ngenome_folder: $REFDEPOT_TEST_HOME/$' +
      '{REFDEPOT_TEST_PART}/$REFDEPOT_NONE\n',
  })
  process.env.REFDEPOT_TEST_HOME = folder
  process.env.REFDEPOT_TEST_PART = 'g'
  const target = await openTarget({ config: join(folder, 'c.yaml') })
  const { path } = await target.place(remoteAsset(), filledWith())
  t.equal(path, join(folder, 'g/$REFDEPOT_NONE/data', GENOME, 'fasta/default'))
})

t.test('links that cannot be made are told, and made by the next run', async t => {
  const folder = t.testdir({ alias: 'a file where a folder must be' })
  const target = await openTarget({ folder, layout: 'refgenie' })
  await t.rejects(target.place(remoteAsset(), never), { code: 'storage-write-failed' })
  await rm(join(folder, 'alias'))
  const breaks = filledWith()
  await t.rejects(
    target.place(remoteAsset(), async (staging, note) => {
      await breaks(staging, note)
      await mkdir(join(folder, 'alias'))
      await writeFile(join(folder, 'alias/t7'), 'in the way')
    }),
    { code: 'storage-write-failed' },
  )
  await rm(join(folder, 'alias/t7'))
  t.equal((await target.place(remoteAsset(), never)).action, 'current')
})
