/** What goes into an archive, and what is refused. */
import {
  appendFile,
  chmod,
  mkdir,
  readdir,
  rename,
  rm,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import type { ArchiveEvent } from '../../src/archive/archive-events.ts'
import { openTarget } from '../../src/archive/archive-target.ts'
import { createArchives } from '../../src/archive/create-archives.ts'
import { Depot } from '../../src/archive/depot.ts'
import { readyImport } from '../../src/archive/import-archives.ts'
import { INDEX_SUFFIX } from '../../src/archive/member-index.ts'
import type { CatalogueEntry } from '../../src/domain/catalogue.ts'
import { noise, plainFasta } from '../support/content-shapes.ts'
import { archive, create, failureOf, indexOf } from '../support/create-archives.ts'
import { exampleCopy } from '../support/example-folder.ts'
import { T7 } from '../support/genome-fixtures.ts'
import { type GenomeFolder, genomeFolder, USUAL } from '../support/genome-folder.ts'

t.test('a tag that was never built here is passed over with a warning', async t => {
  const made = await genomeFolder(t)
  await made.rewrite(raw => {
    const tags = raw.genomes?.[T7]?.assets?.fasta?.tags ?? {}
    tags.parent = { asset_digest: 'a'.repeat(32), asset_children: [] }
    tags.keyless = { asset_path: 'fasta' }
  })
  const { summary, warnings } = await create(made)
  t.match(summary, { archived: 2, skipped: 2, failed: 0 })
  t.match(warnings, [/incomplete in the config/, /incomplete in the config/])
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
