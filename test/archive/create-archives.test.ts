/** `archive create` over real folders: what is made, and what a second run does. */
import { createHash } from 'node:crypto'
import { appendFile, mkdir, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { openTarget } from '../../src/archive/archive-target.ts'
import { planCreation } from '../../src/archive/create-archives.ts'
import { Depot } from '../../src/archive/depot.ts'
import { filesOf, INDEX_SUFFIX } from '../../src/archive/member-index.ts'
import { readRawConfig } from '../../src/config/raw-config.ts'
import type { CatalogueEntry } from '../../src/domain/catalogue.ts'
import { archive, create, indexOf, md5 } from '../support/create-archives.ts'
import { T7 } from '../support/genome-fixtures.ts'
import { type GenomeSpec, genomeFolder, genomeFolderIn, USUAL } from '../support/genome-folder.ts'

t.test(
  'archives, indexes, side files and the server config are written as refgenieserver would',
  async t => {
    const made = await genomeFolder(t)
    const { summary, events } = await create(made, { jobs: 2 })
    t.match(summary, { archived: 2, views: 0, skipped: 0, failed: 0 })
    t.same(events[0], { event: 'planned', create: 2, views: 0, skip: 0 })
    t.same(
      (await readdir(join(made.archiveFolder, T7))).sort(),
      ['bwa_index', 'fasta']
        .flatMap(asset => [
          `asset_dir_contents_${asset}__default.json`,
          `build_log_${asset}__default.md`,
          `build_recipe_${asset}__default.json`,
          `${asset}__default.tgz`,
          `${asset}__default.tgz.digests.json`,
          `${asset}__default.tgz.index.json`,
        ])
        .sort(),
    )
    t.same(
      (await readdir(join(made.archiveFolder, 't7'))).length,
      4,
      'log and recipe, for the first alias only',
    )
    t.same(
      JSON.parse(
        await readFile(
          join(made.archiveFolder, T7, 'asset_dir_contents_fasta__default.json'),
          'utf8',
        ),
      ),
      [`${T7}.chrom.sizes`, `${T7}.fa`, `${T7}.fa.fai`],
    )
    const raw = await readRawConfig(made.serverConfig)
    const genome = raw.genomes?.[T7]
    const tag = genome?.assets?.fasta?.tags?.default
    const index = await indexOf(archive(made))
    t.match(genome, { aliases: ['t7', 'phage-seven'], genome_description: 'Phage' })
    t.match(genome?.assets?.fasta, { default_tag: 'default', asset_description: 'No description' })
    t.equal(tag?.archive_digest, await md5(archive(made)))
    t.equal(tag?.legacy_archive_digest, index.views.legacy.t7?.md5)
    t.equal(tag?.archive_size, `${((await stat(archive(made))).size / 1024).toFixed(2)} KB`)
    t.same(tag?.asset_children, [`${T7}/bwa_index:default`])
    t.same(tag?.asset_parents, [])
    t.match(tag?.asset_digest, /^[0-9a-f]{32}$/, 'computed, since the source has none')
    t.same(await readdir(join(made.archiveFolder, '.refdepot')), [], 'nothing is left of the run')
    const depot = await Depot.open({ config: made.config })
    t.same(await depot.check(), [])
    await depot.close()
  },
)

t.test(
  'the same files give the same bytes, whatever their order, times and the number of jobs',
  async t => {
    const top = t.testdir({})
    const first = await genomeFolderIn(join(top, 'a'))
    const second = await genomeFolderIn(
      join(top, 'b'),
      Object.fromEntries(Object.entries(USUAL).reverse()),
    )
    const fai = join(second.tagFolder('fasta'), `${T7}.fa.fai`)
    await utimes(fai, 1, 1)
    await create(first, { jobs: 1 })
    await create(second, { jobs: 2 })
    for (const asset of ['fasta', 'bwa_index']) {
      t.equal(await md5(archive(first, asset)), await md5(archive(second, asset)))
      t.equal(
        await md5(archive(first, asset) + INDEX_SUFFIX),
        await md5(archive(second, asset) + INDEX_SUFFIX),
      )
    }
  },
)

t.test(
  'a second run does nothing; new aliases cost a pass of hashing, changes and force a new archive',
  async t => {
    const made = await genomeFolder(t)
    await create(made)
    const before = await md5(archive(made))
    const config = await readFile(made.serverConfig, 'utf8')
    t.match((await create(made)).summary, { archived: 0, skipped: 2 })
    t.equal(await readFile(made.serverConfig, 'utf8'), config)
    await made.rewrite(raw => raw.genomes?.[T7]?.aliases?.push('NC_001604'))
    const { summary, events } = await create(made)
    t.match(summary, { archived: 0, views: 2 })
    t.match(
      events.find(event => event.event === 'views'),
      { reason: 'new alias NC_001604' },
    )
    t.match((await indexOf(archive(made))).views.legacy, { NC_001604: { size: Number } })
    t.same((await readRawConfig(made.serverConfig)).genomes?.[T7]?.aliases, [
      't7',
      'phage-seven',
      'NC_001604',
    ])
    t.equal(await md5(archive(made)), before)
    t.match((await create(made, { force: true, registryPaths: ['t7/fasta'] })).summary, {
      archived: 1,
    })
    t.equal(await md5(archive(made)), before, 'the same files, the same archive')
    await rm(archive(made))
    t.match(
      (await create(made)).summary,
      { archived: 1, skipped: 1 },
      'a missing archive is made again',
    )
    await appendFile(join(made.tagFolder('fasta'), `${T7}.chrom.sizes`), 'x')
    await made.rewrite(raw => {
      const tag = raw.genomes?.[T7]?.assets?.fasta?.tags?.default
      if (tag) tag.asset_digest = 'f'.repeat(32)
    })
    const again = await create(made)
    t.match(again.summary, { archived: 1, skipped: 1 }, 'built anew')
    t.match(again.warnings[0], /its files have the digest .* the config says f+/)
    t.not(await md5(archive(made)), before)
    await writeFile(archive(made), await readFile(archive(made, 'bwa_index')))
    await writeFile(
      archive(made) + INDEX_SUFFIX,
      await readFile(archive(made, 'bwa_index') + INDEX_SUFFIX),
    )
    const target = await openTarget(made.config)
    const { tags } = await planCreation(target, { registryPaths: ['t7/fasta'] })
    t.match(tags, [{ action: 'create', reason: 'its archive is not the one of the config' }])
  },
)

t.test('the view of refgenie 1.x comes when the sequences of the genome are known', async t => {
  const spec = {
    ...USUAL,
    'notes:default': { files: { 'readme.txt': 'x', '{genome}.txt': 'y' } },
  }
  const made = await genomeFolder(t, spec)
  await create(made, { registryPaths: ['t7/notes'] })
  t.equal((await indexOf(archive(made, 'notes'))).views.v4, undefined)
  const depot = await Depot.open({ config: made.serverConfig })
  const entry = depot.current.catalogue.entry('t7', 'notes') as CatalogueEntry
  await t.rejects(depot.current.folder.view(entry, { form: 'v4' }), { code: 'unknown-archive' })
  await depot.close()
  const { summary } = await create(made)
  t.match(summary, { archived: 2, views: 1 })
  const { v4 } = (await indexOf(archive(made, 'notes'))).views
  const fasta = filesOf(await indexOf(archive(made))).find(file => file.fasta)?.fasta
  t.equal(v4?.sequence_collection, fasta?.sequence_collection)
  // The digest of refgenie 1.x, worked out by its rule.
  const hash = createHash('sha256').update('refgenie-dir-digest-v2')
  for (const [name, text] of [
    ['readme.txt', 'x'],
    [`${v4?.sequence_collection}.txt`, 'y'],
  ].sort() as [string, string][]) {
    const length = Buffer.alloc(4)
    length.writeUInt32BE(name.length)
    hash.update(length).update(name).update(createHash('sha256').update(text).digest())
  }
  t.equal(v4?.asset_digest, hash.digest('hex'))
  t.match((await create(made)).summary, { archived: 0, views: 0, skipped: 3 })
})

t.test('what is chosen by registry paths', async t => {
  const spec = { ...USUAL, 'fasta:v2': USUAL['fasta:default'] } as GenomeSpec
  const made = await genomeFolder(t, spec)
  const target = await openTarget(made.config)
  const chosen = async (...registryPaths: string[]) => {
    const { tags } = await planCreation(target, { registryPaths })
    return tags.map(({ entry }) => `${entry.asset.name}:${entry.tag.name}`)
  }
  t.same(await chosen(), ['fasta:default', 'fasta:v2', 'bwa_index:default'])
  t.same(await chosen('t7', 'phage-seven/fasta:v2'), [
    'fasta:default',
    'fasta:v2',
    'bwa_index:default',
  ])
  t.same(await chosen(`${T7}/fasta`), ['fasta:default', 'fasta:v2'])
  t.same(await chosen('t7/fasta:v2', 'phage-seven/fasta:v2'), ['fasta:v2'])
  await t.rejects(chosen('nope'), {
    code: 'unknown-genome',
    message: /no genome 'nope'; there are t7/,
  })
  await t.rejects(chosen('t7/nope'), {
    code: 'unknown-asset',
    message: /it has bwa_index, fasta|it has fasta, bwa_index/,
  })
  await t.rejects(chosen('t7/fasta:nope'), {
    code: 'unknown-tag',
    message: /there are default, v2/,
  })
})

t.test(
  'legacy files, descriptions and the layout of refgenie 1.x are there when asked for',
  async t => {
    const made = await genomeFolder(t)
    await made.rewrite(raw => {
      raw.refdepot = { 'archive-layout': 'refgenie1' }
    })
    const descriptions = new Map([['t7', 'A phage']])
    t.match((await create(made, { legacyFiles: true, descriptions })).summary, { archived: 2 })
    const nested = join(made.archiveFolder, T7, 'fasta/default/fasta__default.tgz')
    const legacy = join(made.archiveFolder, 't7/fasta/default/fasta__default.tgz')
    const raw = await readRawConfig(made.serverConfig)
    const tag = raw.genomes?.[T7]?.assets?.fasta?.tags?.default
    t.equal(await md5(nested), tag?.archive_digest)
    t.equal(await md5(legacy), tag?.legacy_archive_digest, 'the file is the view')
    t.equal(raw.genomes?.[T7]?.genome_description, 'A phage')
    const depot = await Depot.open({ config: made.serverConfig })
    t.same(await depot.check(), [])
    const entry = depot.current.catalogue.entry('t7', 'fasta') as CatalogueEntry
    const blob = await depot.current.folder.archive(entry, 'stored')
    t.equal(blob.etag, tag?.archive_digest)
    await blob.close()
    await depot.close()
    await made.rewrite(raw => {
      raw.refdepot = { 'archive-layout': 'odd' }
    })
    await t.rejects(openTarget(made.config), {
      code: 'setting-invalid',
      message: /refgenieserver or refgenie1/,
    })
  },
)

t.test('a genome without alias has no legacy view; parents are told of their children', async t => {
  const made = await genomeFolder(t, USUAL, [])
  await made.rewrite(raw => {
    delete raw.genomes?.[T7]?.assets?.fasta?.tags?.default?.asset_children
  })
  await create(made)
  const raw = await readRawConfig(made.serverConfig)
  const tag = raw.genomes?.[T7]?.assets?.fasta?.tags?.default
  t.same(tag?.asset_children, [`${T7}/bwa_index:default`])
  t.notOk(tag?.legacy_archive_digest)
  t.same(await readdir(made.archiveFolder), [T7, '.refdepot', 'genome_config.yaml'].sort())
})

t.test('an archive folder must be named, and the config must not be the server config', async t => {
  const made = await genomeFolder(t)
  await create(made)
  await t.rejects(openTarget(made.serverConfig), {
    code: 'setting-invalid',
    message: /not the one that the archiver writes/,
  })
  await made.rewrite(raw => {
    delete raw.genome_archive_folder
  })
  await t.rejects(openTarget(made.config), {
    code: 'setting-invalid',
    message: /genome_archive_folder/,
  })
  t.match(await openTarget(made.config, '/tmp/elsewhere'), {
    configFile: '/tmp/elsewhere/genome_config.yaml',
  })
  await writeFile(made.config, 'config_version: 0.3\ngenomes: {}\n')
  await t.rejects(openTarget(made.config, '/tmp/x'), { code: 'config-invalid', message: /upgrade/ })
  await t.rejects(readRawConfig('/nowhere/x.yaml'), { code: 'config-unreadable' })
})

t.test('an unknown genome among genomes without alias', async t => {
  const made = await genomeFolder(t, USUAL, [])
  await t.rejects(create(made, { registryPaths: ['x'] }), {
    message: new RegExp(`there are ${T7}$`),
  })
})

t.test('the view of refgenie 1.x is completed by a later run too', async t => {
  const made = await genomeFolder(t, {
    ...USUAL,
    'notes:default': { files: { 'readme.txt': 'x' } },
  })
  await create(made, { registryPaths: ['t7/notes'] })
  await create(made, { registryPaths: ['t7/fasta'] })
  const { summary, events } = await create(made)
  t.match(summary, { archived: 1, views: 1, skipped: 1 })
  t.match(
    events.find(({ event }) => event === 'views'),
    { archive: 't7/notes:default', reason: 'its genome has sequences now' },
  )
})

t.test('a source without genomes, and a server config with an empty one', async t => {
  const made = await genomeFolder(t)
  await mkdir(made.archiveFolder)
  await writeFile(made.serverConfig, 'genomes:\n  h:\n  k:\n    genome_description: K\n')
  const descriptions = new Map([['t7', 'A phage']])
  t.match((await create(made, { descriptions })).summary, { archived: 2 })
  await rm(made.archiveFolder, { recursive: true })
  await writeFile(made.config, `genome_archive_folder: ${made.archiveFolder}\n`)
  t.match((await create(made, { descriptions })).summary, { archived: 0, failed: 0 })
  await writeFile(made.config, '')
  t.same(await readRawConfig(made.config), {})
})
