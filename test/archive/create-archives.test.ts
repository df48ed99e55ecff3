/** `archive create` and its kin over real folders: what is made, what is refused, what a second run does. */
import { createHash } from 'node:crypto'
import { readdirSync, rmSync } from 'node:fs'
import {
  appendFile,
  chmod,
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { ArchiveEvent, CreateOptions } from '../../src/archive/archive-events.ts'
import { readIndex } from '../../src/archive/archive-plan.ts'
import { openServerTarget, openTarget } from '../../src/archive/archive-target.ts'
import {
  createArchives,
  importArchives,
  planCreation,
  planImport,
} from '../../src/archive/create-archives.ts'
import { Depot } from '../../src/archive/depot.ts'
import { fileDigests } from '../../src/archive/file-digests.ts'
import { readyImport } from '../../src/archive/import-archives.ts'
import { listArchives } from '../../src/archive/list-archives.ts'
import { filesOf, INDEX_SUFFIX, type MemberIndex } from '../../src/archive/member-index.ts'
import { removeArchives } from '../../src/archive/remove-archives.ts'
import { verifyArchive } from '../../src/archive/verify-archives.ts'
import { readGenomeConfig } from '../../src/config/genome-config.ts'
import { readRawConfig } from '../../src/config/raw-config.ts'
import { type CatalogueEntry, entriesOf } from '../../src/domain/catalogue.ts'
import { noise, plainFasta } from '../support/content-shapes.ts'
import { exampleCopy } from '../support/example-folder.ts'
import { T7 } from '../support/genome-fixtures.ts'
import {
  type GenomeFolder,
  type GenomeSpec,
  genomeFolder,
  genomeFolderIn,
  USUAL,
} from '../support/genome-folder.ts'

async function create(made: GenomeFolder, options: Partial<CreateOptions> = {}) {
  const events: ArchiveEvent[] = []
  const onEvent = (event: ArchiveEvent) => events.push(event)
  const target = await openTarget(made.config)
  const summary = await createArchives(target, { registryPaths: [], onEvent, ...options })
  const failures = events.flatMap(event => (event.event === 'failed' ? [event.error.message] : []))
  const warnings = events.flatMap(event => (event.event === 'warning' ? [event.message] : []))
  return { summary, events, failures, warnings }
}

/** One asset with the given files, archived; answers why it failed. */
async function failureOf(
  t: Test,
  tag: GenomeSpec[string],
  then?: (made: GenomeFolder) => Promise<void>,
) {
  const made = await genomeFolder(t, { 'x:default': tag })
  await then?.(made)
  const { failures, summary } = await create(made)
  t.match(summary, { archived: 0, failed: 1 })
  t.notOk(
    (await readRawConfig(made.serverConfig)).genomes?.[T7]?.assets?.x?.tags?.default
      ?.archive_digest,
  )
  return failures[0] as string
}

const archive = (made: GenomeFolder, asset = 'fasta') =>
  join(made.archiveFolder, T7, `${asset}__default.tgz`)
const md5 = async (path: string) => (await fileDigests(path)).md5
const indexOf = async (path: string) => (await readIndex(path)) as MemberIndex

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

t.test('what is not ready is not archived, and the reason is told', async t => {
  const file = { 'a.txt': 'x' }
  t.match(await failureOf(t, { files: file, build: 'running' }), /its build is running/)
  t.match(await failureOf(t, { files: file, build: 'failed' }), /has failed; build it again/)
  t.match(await failureOf(t, { files: file, build: 'partial' }), /its build is partial/)
  t.match(await failureOf(t, { files: {} }), /has no files/)
  const keys = (seek_keys: Record<string, string>) => ({
    files: { 'a.txt': 'x', 'b.txt': '', 'c/d': '' },
    attributes: { seek_keys },
  })
  t.match(
    await failureOf(t, keys({ x: 'none.txt' })),
    /seek key 'x' leads to none.txt, which is not there/,
  )
  t.match(await failureOf(t, keys({ x: 'b.txt' })), /which is empty/)
  t.match(await failureOf(t, keys({ x: 'c/d' })), /which is empty/)
  t.match(
    await failureOf(t, { files: file }, made => rm(made.tagFolder('x'), { recursive: true })),
    /it is not there; build/,
  )
  const clash = { files: { '{genome}.fa': 'x', 't7.fa': 'y' } }
  t.match(await failureOf(t, clash), /would both be called t7.fa under the alias t7/)
  const fine = keys({ x: './a.txt', dir: '.', c: 'c/', prefix: 'a' })
  const made = await genomeFolder(t, {
    'x:default': { ...fine, files: { ...fine.files, 'c/e': 'x' }, build: false },
  })
  const { summary, warnings } = await create(made)
  t.match(summary, { archived: 1, failed: 0 })
  t.match(warnings, [/no build log/, /no build recipe/])
})

t.test(
  'links that lead nowhere or out, devices and unreadable files are refused by name',
  async t => {
    const link = (to: string) => ({ files: { 'a.txt': 'x', 'the-link': { link: to } } })
    t.match(
      await failureOf(t, link('nowhere')),
      /the-link: it is a link to nowhere, which is not there/,
    )
    t.match(
      await failureOf(t, link('/etc/hostname')),
      /the-link: it is a link that leads out of the genome folder \(\/etc\/hostname\)/,
    )
    t.match(await failureOf(t, link('/{genomes}/data')), /leads to a folder of another asset/)
    const socket = await failureOf(t, { files: { 'a.txt': 'x' } }, async made => {
      const server = createServer()
      const cwd = process.cwd()
      process.chdir(made.tagFolder('x'))
      await new Promise<void>(done => server.listen('s', done))
      process.chdir(cwd)
      t.teardown(() => server.close())
    })
    t.match(socket, /x\/default\/s: it is a device, socket or pipe/)
    const odd = await failureOf(t, { files: { 'a.txt': 'x' } }, made =>
      writeFile(
        Buffer.concat([Buffer.from(`${made.tagFolder('x')}/`), Buffer.from([0xff, 0x41])]),
        '',
      ),
    )
    t.match(odd, /its name is not UTF-8; rename it/)
  },
)

t.test(
  'links within an asset are kept, in whatever way they are written; strangers in the genome folder go by path',
  async t => {
    const made = await genomeFolder(t, {
      ...USUAL,
      'x:default': {
        files: {
          'a/one.txt': '1',
          absolute: { link: '/{genomes}/data/{genome}/x/default/a/one.txt' },
          'a/up': { link: '../absolute' },
          around: { link: '../../x/default/a/one.txt' },
          folder: { link: 'a' },
          via: { link: '/{genomes}/alias/t7/x/default/a/one.txt' },
          stranger: { link: '/{genomes}/shared.txt' },
        },
      },
    })
    await writeFile(join(made.genomeFolder, 'shared.txt'), 'shared')
    await mkdir(join(made.genomeFolder, 'alias/t7/x'), { recursive: true })
    await symlink(made.tagFolder('x'), join(made.genomeFolder, 'alias/t7/x/default'))
    t.match((await create(made, { registryPaths: ['t7/x'] })).failures, [])
    const { entries } = await indexOf(archive(made, 'x'))
    const targets = Object.fromEntries(
      entries.flatMap(e => (e.type === 'link' ? [[e.path, e.target]] : [])),
    )
    t.same(targets, {
      absolute: 'a/one.txt',
      'a/up': '../absolute',
      around: 'a/one.txt',
      folder: 'a',
      via: 'a/one.txt',
    })
    t.match(
      entries.find(({ path }) => path === 'stranger'),
      { type: 'file', linked: 'shared.txt' },
    )
  },
)

t.test('a file that changes while it is read is not archived', async t => {
  const big = { files: { 'big.bin': Buffer.alloc(30_000_000, 'abc'), 'small.txt': 'x' } }
  const whenPacking = async (change: (made: GenomeFolder) => Promise<void>) => {
    const made = await genomeFolder(t, { 'x:default': big })
    let changing: Promise<void> | undefined
    const onEvent = (event: ArchiveEvent) => {
      if (event.event === 'progress') changing ??= change(made)
      if (event.event === 'failed') messages.push(event.error.message)
    }
    const messages: string[] = []
    const target = await openTarget(made.config)
    const summary = await createArchives(target, { registryPaths: [], onEvent, jobs: 1 })
    await changing
    t.match(summary, { archived: 0, failed: 1 })
    t.same(await readdir(made.archiveFolder), ['.refdepot', 'genome_config.yaml'])
    return messages[0] as string
  }
  const file = (made: GenomeFolder) => join(made.tagFolder('x'), 'big.bin')
  t.match(
    await whenPacking(made => appendFile(file(made), 'x')),
    /big.bin changed while it was archived/,
  )
  t.match(await whenPacking(made => truncate(file(made), 5_000_000)), /big.bin changed/)
  t.match(
    await whenPacking(made => writeFile(join(made.tagFolder('x'), 'new.txt'), '')),
    /x\/default changed/,
  )
  t.match(
    await whenPacking(made => rm(join(made.tagFolder('x'), 'small.txt'))),
    /small.txt: ENOENT|small.txt: .*no such file/,
  )
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

t.test('assets outside data, and a genome folder that is not there', async t => {
  const made = await genomeFolder(t)
  await rename(made.tagFolder('fasta'), join(made.genomeFolder, 'elsewhere'))
  const place = (path: string) =>
    made.rewrite(raw => {
      const tag = raw.genomes?.[T7]?.assets?.fasta?.tags?.default
      if (tag) tag.asset_path = path
    })
  await place(join(made.genomeFolder, 'elsewhere'))
  t.match((await create(made, { registryPaths: ['t7/fasta'] })).summary, { archived: 1 })
  await rename(join(made.genomeFolder, 'elsewhere'), join(made.genomeFolder, 'default'))
  await place('.')
  t.match((await create(made, { registryPaths: ['t7/fasta'], force: true })).summary, {
    archived: 1,
  })
  await made.rewrite(raw => {
    raw.genome_folder = join(made.genomeFolder, 'gone')
  })
  t.match((await create(made, { registryPaths: ['t7/fasta'], force: true })).failures, [
    /it is not there/,
  ])
})

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
  t.match(depot.current.folder.contents.replaced(old?.archive_digest as string), {
    by: tag?.archive_digest,
  })
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
  t.match(await listArchives(made.archiveFolder, entries), [
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
    (await verifyArchive(made.archiveFolder, entry, deep)).problems
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
  await rm(path + INDEX_SUFFIX)
  t.equal(await verify(true), '', 'without index the md5 counts')
  await rm(path)
  t.equal(await verify(true), 'its archive is missing or empty')
})

t.test('files beyond a segment, and an unreadable one', async t => {
  const made = await genomeFolder(t, {
    'fasta:default': {
      files: { '{genome}.fa': plainFasta(9_000_000), 'noise.bin': noise(5_000_000), 'z.txt': 'z' },
    },
  })
  const { events, summary } = await create(made, { jobs: 3 })
  t.match(summary, { archived: 1 })
  t.ok(events.filter(({ event }) => event === 'progress').length > 3)
  const index = await indexOf(archive(made))
  t.equal(index.archive.chunks.length, Math.ceil(index.archive.size / index.archive.chunk_size))
  if (process.getuid?.() === 0) return
  await chmod(join(made.tagFolder('fasta'), 'z.txt'), 0)
  t.match((await create(made, { force: true })).failures, [/z.txt/])
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

t.test('links that lead out of the archive folder are not followed', async t => {
  const made = await genomeFolder(t)
  await create(made)
  const depot = await Depot.open({ config: made.serverConfig })
  const entry = depot.current.catalogue.entry('t7', 'fasta') as CatalogueEntry
  await rm(archive(made) + INDEX_SUFFIX)
  await symlink('/etc/hostname', archive(made) + INDEX_SUFFIX)
  const { folder } = depot.current
  await t.rejects(folder.archive(entry, 'stored'), { code: 'outside-root' })
  await t.rejects(folder.legacyDigest(entry, 't7'), { code: 'outside-root' })
  await depot.close()
  const example = await exampleCopy(t)
  const foreign = await Depot.open({ config: example.config, archiveFolder: example.folder })
  await rm(join(example.folder, 't7', 'fasta__default.tgz'))
  const fasta = foreign.current.catalogue.entry('t7', 'fasta') as CatalogueEntry
  await t.rejects(foreign.current.folder.archive(fasta, 'legacy'), { code: 'archive-missing' })
  await foreign.close()
  const gone = { archiveFolder: join(example.folder, 'nowhere') }
  await t.rejects(readyImport(gone, fasta, join(example.folder, 'scratch')), {
    code: 'source-refused',
    message: /it is not there/,
  })
})
