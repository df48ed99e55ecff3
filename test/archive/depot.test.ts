import { mkdir, rename, rm, symlink, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import t from 'tap'
import { stateOfFiles, watchState } from '../../src/archive/config-watch.ts'
import { Depot } from '../../src/archive/depot.ts'
import { currentText } from '../../src/archive/published.ts'
import { findServerConfig } from '../../src/archive/server-config.ts'
import { exampleCopy } from '../support/example-folder.ts'
import { T7 } from '../support/genome-fixtures.ts'

const ARCHIVED = `genomes:
  ${T7}:
    aliases: [t7]
    assets:
      fasta:
        tags:
          default: {archive_digest: ${'b'.repeat(32)}, archive_size: 1.00 KB}
`
const BUILT = `genomes:
  ${T7}:
    aliases: [t7]
    assets:
      fasta:
        tags:
          default: {asset_path: fasta}
`

t.test(
  'archives are looked for where the operator, the config, or the place of the config says',
  async t => {
    const folder = t.testdir({
      archives: {},
      'named.yaml': `genome_archive_folder: archives\n${ARCHIVED}`,
      'moved.yaml': `genome_archive_folder: /no/such/folder\n${ARCHIVED}`,
      'plain.yaml': ARCHIVED,
    })
    const at = async (name: string, given?: string) =>
      (await findServerConfig(join(folder, name), given)).archiveFolder
    t.equal(await at('named.yaml'), join(folder, 'archives'))
    t.equal(await at('named.yaml', '/given'), '/given')
    t.equal(await at('plain.yaml'), folder)
    const moved = await findServerConfig(join(folder, 'moved.yaml'))
    t.equal(moved.archiveFolder, folder)
    t.match(moved.notes, [/genome_archive_folder \/no\/such\/folder does not exist here; using/])
  },
)

t.test('a folder named by the config that is a file is not used', async t => {
  const folder = t.testdir({ 'c.yaml': `genome_archive_folder: c.yaml\n${ARCHIVED}` })
  t.equal((await findServerConfig(join(folder, 'c.yaml'))).archiveFolder, folder)
})

t.test('a build config leads to the server config that the archiver wrote', async t => {
  const folder = t.testdir({
    genomes: {
      'by-folder.yaml': `genome_archive_folder: ../archives\n${BUILT}`,
      'by-name.yaml': `genome_archive_config: ../named/server.yaml\n${BUILT}`,
    },
    archives: { 'by-folder.yaml': ARCHIVED, 'zz.yaml': 'not: [a config' },
    named: { 'server.yaml': ARCHIVED },
    beside: { 'build.yaml': BUILT, 'a.yaml': BUILT, 'b.yml': 'x: [', 'server.yaml': ARCHIVED },
    alone: { 'build.yaml': BUILT, 'other.yaml': BUILT },
  })
  const served = async (name: string) => findServerConfig(join(folder, name))
  const byFolder = await served('genomes/by-folder.yaml')
  t.equal(byFolder.config.file, join(folder, 'archives/by-folder.yaml'))
  t.equal(byFolder.archiveFolder, join(folder, 'archives'))
  t.match(byFolder.notes, [/has nothing archived in it; serving .*archives\/by-folder\.yaml/])
  t.equal(byFolder.files.length, 2)
  t.equal((await served('genomes/by-name.yaml')).config.file, join(folder, 'named/server.yaml'))
  t.equal((await served('beside/build.yaml')).config.file, join(folder, 'beside/server.yaml'))
  t.equal((await served('alone/build.yaml')).config.file, join(folder, 'alone/build.yaml'))
  const absent = join(folder, 'absent')
  t.equal((await findServerConfig(join(folder, 'alone/build.yaml'), absent)).archiveFolder, absent)
})

t.test(
  'a reload swaps the catalogue; a broken config is reported and the old one stays',
  async t => {
    const { folder, config } = await exampleCopy(t)
    const state = join(folder, 'state')
    const depot = await Depot.open({ config, archiveFolder: folder, stateFolder: state })
    t.teardown(() => depot.close())
    const first = depot.current
    await depot.check()
    await writeFile(config, ARCHIVED)
    const second = await depot.reload()
    t.equal(depot.current, second)
    t.equal(first.catalogue.archiveCount, 7, 'whoever holds the old generation keeps it whole')
    t.equal(second.catalogue.archiveCount, 1)
    t.equal(second.ledger, first.ledger, 'computed digests stay known')
    await writeFile(config, 'genomes: [')
    await t.rejects(depot.reload(), { code: 'config-invalid' })
    t.equal(depot.current, second)
    t.match(depot.reloadError, { code: 'config-invalid' })
    await writeFile(config, ARCHIVED)
    await depot.reload()
    t.equal(depot.reloadError, undefined)
  },
)

t.test('a reload that moves the archive folder starts with a store of its own', async t => {
  const folder = t.testdir({ a: {}, b: {}, 'c.yaml': `genome_archive_folder: a\n${ARCHIVED}` })
  const depot = await Depot.open({ config: join(folder, 'c.yaml') })
  t.teardown(() => depot.close())
  const { store } = depot.current
  await writeFile(join(folder, 'c.yaml'), `genome_archive_folder: b\n${ARCHIVED}`)
  t.not((await depot.reload()).store, store)
})

t.test('a state folder that cannot be made does not stop the start', async t => {
  const { folder, config } = await exampleCopy(t)
  const depot = await Depot.open({ config, archiveFolder: folder, stateFolder: join(config, 'x') })
  await depot.close()
  t.equal(depot.current.catalogue.archiveCount, 7)
})

t.test('a change of a watched file is told once it has come to rest', async t => {
  const folder = t.testdir({ x: '1' })
  const file = join(folder, 'x')
  let changes = 0
  const stop = watchState(
    () => stateOfFiles([file]),
    () => {
      changes += 1
    },
    20,
  )
  t.teardown(stop)
  const until = async (count: number) => {
    for (let i = 0; i < 200 && changes < count; i += 1) await wait(10)
    await wait(80)
    t.equal(changes, count)
  }
  await wait(60)
  t.equal(changes, 0)
  // Not in place: the file would be empty for a moment, and two looks may fall into it.
  const replaced = async (content: string) => {
    await writeFile(join(folder, 'new'), content)
    await rename(join(folder, 'new'), file)
  }
  await replaced('longer')
  await until(1)
  await replaced('as long')
  await until(2)
  await rm(file)
  await until(3)
  await mkdir(file)
  await until(4)
})

t.test('what is published between the reading and the first look is noticed', async t => {
  const place = t.testdir({
    'current.json': currentText(1, 0),
    generations: { '000001.yaml': 'genomes: {}\n', '000002.yaml': 'genomes: {}\n' },
  })
  const pointer = join(place, 'current.json')
  const depot = await Depot.open({ store: place })
  t.teardown(() => depot.close())
  const readAt = depot.current.loadedAt.getTime()
  t.ok((await depot.sourceState()).newest < readAt)
  await writeFile(`${pointer}.new`, currentText(2, 1))
  // The clock of a store is another one, and a mirror has no time of it at all.
  await utimes(`${pointer}.new`, 1, 1)
  await rename(`${pointer}.new`, pointer)
  let isNoticed = false
  const notice = () => {
    isNoticed = true
  }
  t.teardown(watchState(() => depot.sourceState(), notice, 20, readAt))
  for (let i = 0; i < 1000 && !isNoticed; i += 1) await wait(20)
  t.ok(isNoticed)
  await depot.reload()
  t.equal(depot.current.configFile, join(place, 'generations/000002.yaml'))
  t.ok((await depot.sourceState()).newest < readAt)
  await rm(pointer)
  await symlink('/etc/hostname', pointer)
  await t.rejects(depot.reload(), { code: 'outside-root' }, 'a pointer that nobody can read')
})

t.test('a look that takes long is not started twice, and stopping ends the watch', async t => {
  const folder = t.testdir({ x: '1' })
  const files = Array.from({ length: 500 }, () => join(folder, 'x'))
  let asked = 0
  const stop = watchState(
    () => {
      asked += 1
      return stateOfFiles(files)
    },
    () => {},
    1,
  )
  await wait(50)
  stop()
  await wait(30)
  const after = asked
  await wait(50)
  t.equal(asked, after)
})
