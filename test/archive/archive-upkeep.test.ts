/** What happens to archives later: failures, stops, imports, removals, verifications. */
import { readdirSync, rmSync } from 'node:fs'
import { appendFile, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import type { ArchiveEvent } from '../../src/archive/archive-events.ts'
import { openServerTarget, openTarget } from '../../src/archive/archive-target.ts'
import { archivesInFolder } from '../../src/archive/archives-at.ts'
import { createArchives, importArchives, planImport } from '../../src/archive/create-archives.ts'
import { Depot } from '../../src/archive/depot.ts'
import { listArchives } from '../../src/archive/list-archives.ts'
import { filesOf, INDEX_SUFFIX } from '../../src/archive/member-index.ts'
import { removeArchives } from '../../src/archive/remove-archives.ts'
import { verifyArchive } from '../../src/archive/verify-archives.ts'
import { readGenomeConfig } from '../../src/config/genome-config.ts'
import { readRawConfig } from '../../src/config/raw-config.ts'
import { type CatalogueEntry, entriesOf } from '../../src/domain/catalogue.ts'
import { archive, create, indexOf } from '../support/create-archives.ts'
import { exampleCopy } from '../support/example-folder.ts'
import { T7 } from '../support/genome-fixtures.ts'
import { genomeFolder } from '../support/genome-folder.ts'

t.test('a run that is stopped leaves nothing half-made', async t => {
  const made = await genomeFolder(t, {
    'x:default': { files: { 'big.bin': Buffer.alloc(40_000_000, 'abc') } },
  })
  const control = new AbortController()
  const onEvent = (event: ArchiveEvent) => {
    if (event.event === 'progress') control.abort(new Error('stopped'))
  }
  await t.rejects(create(made, { onEvent, signal: control.signal }), { message: 'stopped' })
  t.same(await readdir(made.archiveFolder), ['.refdepot'])
  t.same(await readdir(join(made.archiveFolder, '.refdepot')), [])
  await t.rejects(create(made, { signal: control.signal }), { message: 'stopped' })
})

t.test('what was ready before a stop is published', async t => {
  const names = ['a', 'b', 'c', 'd']
  const made = await genomeFolder(
    t,
    Object.fromEntries(names.map(name => [`${name}:default`, { files: { 'x.txt': name } }])),
  )
  const control = new AbortController()
  const onEvent = (event: ArchiveEvent) => {
    if (event.event === 'archived') control.abort(new Error('stopped'))
  }
  await t.rejects(create(made, { onEvent, signal: control.signal }), { message: 'stopped' })
  const assets = (await readRawConfig(made.serverConfig)).genomes?.[T7]?.assets
  t.ok(assets?.a?.tags?.default?.archive_digest, 'the first one was ready')
  t.notOk(assets?.d?.tags?.default?.archive_digest, 'the last one was not begun')
})

t.test('a folder that cannot be written is told', async t => {
  const made = await genomeFolder(t)
  await writeFile(made.archiveFolder, 'a file')
  await t.rejects(create(made), {
    code: 'storage-write-failed',
    message: /cannot write .*archives/,
  })
  await rm(made.archiveFolder)
  await mkdir(join(made.archiveFolder), { recursive: true })
  await writeFile(join(made.archiveFolder, '.refdepot'), 'a file')
  await t.rejects(create(made), { code: 'storage-write-failed' })
  await rm(join(made.archiveFolder, '.refdepot'))
  await mkdir(`${made.serverConfig}.part`)
  await t.rejects(create(made), { code: 'storage-write-failed', message: /genome_config.yaml/ })
})

t.test('archives of refgenieserver are repacked; old digests stay known', async t => {
  const { folder, config } = await exampleCopy(t)
  await rm(join(folder, T7, 'fasta__default'), { recursive: true })
  const before = await readRawConfig(config)
  const old = before.genomes?.[T7]?.assets?.fasta?.tags?.v2
  const target = await openServerTarget(config, folder)
  const options = { registryPaths: ['t7/fasta:v2', 'lambda/fasta'] }
  t.same(
    (await planImport(target, options)).tags.map(({ action }) => action),
    ['create', 'create'],
  )
  t.match(await importArchives(target, options), { archived: 2, failed: 0 })
  const tag = (await readRawConfig(config)).genomes?.[T7]?.assets?.fasta?.tags?.v2
  t.not(tag?.archive_digest, old?.archive_digest)
  t.equal(tag?.asset_digest, old?.asset_digest)
  const index = await indexOf(join(folder, T7, 'fasta__v2.tgz'))
  t.same(
    index.replaces.map(({ md5: digest, form }) => [form, digest]),
    [
      ['stored', old?.archive_digest],
      ['legacy', old?.legacy_archive_digest],
    ],
  )
  t.same(
    (await planImport(target, options)).tags.map(({ action }) => action),
    ['skip', 'skip'],
  )
  t.notOk(
    (await readdir(join(folder, 't7'))).includes('fasta__v2.tgz'),
    'the alias-named copy is a view now',
  )
  const depot = await Depot.open({ config, archiveFolder: folder })
  t.same(await depot.check(), [])
  t.match(depot.current.folder.contents.replaced(old?.archive_digest as string), [
    { by: tag?.archive_digest },
  ])
  await depot.close()
  const bwa = await importArchives(await openServerTarget(config, folder), {
    registryPaths: ['t7/bwa_index'],
  })
  t.match(bwa, { failed: 1 }, 'its link leads to the machine that built it')
  await appendFile(join(folder, T7, 'bowtie2_index__default.tgz'), 'rot')
  const events: string[] = []
  const onEvent = (event: ArchiveEvent) => {
    if (event.event === 'failed') events.push(event.error.message)
  }
  await importArchives(await openServerTarget(config, folder), {
    registryPaths: ['t7/bowtie2_index'],
    onEvent,
  })
  t.match(events, [/its md5 is .*, the config says/], 'what is damaged does not become sound')
})

t.test(
  'an import takes the unpacked copy where there is one, and tells what is missing',
  async t => {
    const { folder, config } = await exampleCopy(t)
    await writeFile(join(folder, T7, 'fasta__default', `${T7}.fa.fai`), 'x')
    await writeFile(join(folder, T7, 'fasta__default', `${T7}.chrom.sizes`), 'x')
    const target = await openServerTarget(config, folder)
    t.match(await importArchives(target, { registryPaths: ['t7/fasta:default'] }), { archived: 1 })
    const paths = filesOf(await indexOf(join(folder, T7, 'fasta__default.tgz'))).map(
      ({ path }) => path,
    )
    t.ok(paths.includes('sub dir/é.txt'))
    await rm(join(folder, T7, 'fasta__v2.tgz'))
    t.match(await importArchives(target, { registryPaths: ['t7/fasta:v2'] }), { archived: 0 })
  },
)

t.test('archives are listed, removed and purged', async t => {
  const made = await genomeFolder(t)
  await create(made)
  const open = async () => {
    const config = await readGenomeConfig(made.serverConfig)
    return config.genomes.flatMap(genome => [...entriesOf(genome)])
  }
  const entries = await open()
  await rm(archive(made, 'bwa_index'))
  t.match(await listArchives(archivesInFolder(made.archiveFolder), entries), [
    { asset: 't7/bwa_index:default', path: undefined, size: undefined },
    {
      asset: 't7/fasta:default',
      registryPath: `${T7}/fasta:default`,
      path: archive(made),
      size: Number,
      created: Date,
    },
  ])
  const where = { configFile: made.serverConfig, archiveFolder: made.archiveFolder }
  const bwa = entries.filter(({ asset }) => asset.name === 'bwa_index')
  t.same(await removeArchives({ ...where, entries: bwa, purge: false }), [])
  t.same(
    (await open()).map(({ tag }) => tag.children),
    [[]],
    'its parent forgets it',
  )
  t.ok(
    (await readdir(join(made.archiveFolder, T7))).includes('build_log_bwa_index__default.md'),
    'files stay',
  )
  const removed = await removeArchives({ ...where, entries, purge: true })
  t.equal(removed.length, 15)
  t.same(await readdir(join(made.archiveFolder, T7)), [])
  t.same(await open(), [], 'asset and genome go with their last tag')
})

t.test('a verification finds whatever is wrong', async t => {
  const made = await genomeFolder(t)
  await create(made)
  const config = await readGenomeConfig(made.serverConfig)
  const entries = config.genomes.flatMap(genome => [...entriesOf(genome)])
  const entry = entries.find(({ asset }) => asset.name === 'fasta') as CatalogueEntry
  const verify = async (deep: boolean) =>
    (await verifyArchive(archivesInFolder(made.archiveFolder), entry, deep)).problems
      .map(({ message }) => message)
      .join('\n')
  t.equal(await verify(false), '')
  t.equal(await verify(true), '')
  const path = archive(made)
  const bytes = await readFile(path)
  const rotten = Buffer.from(bytes)
  rotten[30_000] = (rotten[30_000] as number) ^ 1
  await writeFile(path, rotten)
  t.equal(await verify(false), '', 'only reading finds it')
  const deep = await verify(true)
  t.match(deep, /the md5 should be/)
  t.match(deep, /damaged in the 4 MiB chunks 0/)
  t.match(deep, /the file .*fa cannot be read: .*checksum|inflated/)
  t.match(deep, /the sha256 of .*fa.gz should be/)
  t.match(deep, /the md5 of the view for alias t7 should be/)
  await writeFile(path, bytes)
  const index = await readFile(path + INDEX_SUFFIX, 'utf8')
  const other = JSON.parse(index)
  other.archive.md5 = '0'.repeat(32)
  other.views.legacy.t7.md5 = '1'.repeat(32)
  await writeFile(path + INDEX_SUFFIX, JSON.stringify(other))
  t.match(
    await verify(false),
    /the md5 of the config should be .*\nthe legacy_archive_digest of the config/,
  )
  await writeFile(path + INDEX_SUFFIX, index)
  await writeFile(path, Buffer.concat([bytes, Buffer.from('x')]))
  t.match(
    await verify(true),
    /^the md5 of the config should be/,
    'an index of another length counts for nothing',
  )
  await writeFile(path, bytes)
  await rm(path + INDEX_SUFFIX)
  t.equal(await verify(true), '', 'without index the md5 counts')
  await rm(path)
  t.equal(await verify(true), 'its archive is missing or empty')
  await writeFile(path, bytes)
  const at = archivesInFolder(made.archiveFolder)
  const vanishing = {
    ...at,
    store: {
      identify: (key: string) => at.store.identify(key),
      open: async () => undefined,
    },
  }
  const { problems } = await verifyArchive(vanishing, entry, true)
  t.match(problems, [{ kind: 'damaged', message: 'the archive cannot be read: it is gone' }])
})

t.test('a failure while views are hashed or files are staged is one of its tag only', async t => {
  const made = await genomeFolder(t)
  const failures: string[] = []
  const target = await openTarget(made.config)
  const run = (onEvent: (event: ArchiveEvent) => void, force: boolean) =>
    createArchives(target, {
      registryPaths: ['t7/fasta'],
      force,
      onEvent: event => {
        onEvent(event)
        if (event.event === 'failed') failures.push(event.error.message)
      },
    })
  const own = join(made.archiveFolder, '.refdepot')
  const removing = (event: ArchiveEvent) => {
    if (event.event === 'progress')
      for (const name of readdirSync(own)) rmSync(join(own, name), { recursive: true })
  }
  t.match(await run(removing, false), { archived: 0, failed: 1 })
  t.match(failures, [/ENOENT/])
  t.match(await run(() => {}, false), { archived: 1 })
  await made.rewrite(raw => raw.genomes?.[T7]?.aliases?.push('later'))
  const again = await createArchives(await openTarget(made.config), {
    registryPaths: ['t7/fasta'],
    onEvent: event => {
      if (event.event === 'planned') rmSync(archive(made))
      if (event.event === 'failed') failures.push(event.error.message)
    },
  })
  t.match(again, { views: 0, failed: 1 })
  t.equal(failures.length, 2)
})

t.test('a publication that was begun is ended before anything else', async t => {
  const made = await genomeFolder(t)
  await create(made)
  const before = await readFile(made.serverConfig, 'utf8')
  await writeFile(join(made.archiveFolder, 'next'), before.replace('Phage', 'From the journal'))
  const moves = [{ from: join(made.archiveFolder, 'next'), to: made.serverConfig }]
  await writeFile(
    join(made.archiveFolder, '.refdepot/journal.json'),
    JSON.stringify({ moves, removals: [] }),
  )
  await create(made, { registryPaths: ['t7/bwa_index'] })
  t.match(await readFile(made.serverConfig, 'utf8'), /From the journal/)
})
